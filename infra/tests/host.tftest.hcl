# The host, its disks and what it is given.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  resource_suffix   = "prod"
  config_path       = "tests/configs/none-address-dynamic.yaml"
  log_forwarder_zip = "tests/fixtures/forwarder.zip"
  abandon_vms       = true
  admin_password    = "organiser-pass"
  db_password       = "database-pass"
  access_code       = ""
}

run "the_host_is_closed_and_encrypted" {
  assert {
    condition     = aws_instance.host[0].metadata_options[0].http_tokens == "required" && aws_instance.host[0].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "IMDSv2 alone, and from no further than the host."
  }
  assert {
    condition     = !contains([for rule in aws_vpc_security_group_ingress_rule.host : rule.from_port], 22)
    error_message = "SSH is closed unless asked for."
  }
  assert {
    condition     = aws_instance.host[0].root_block_device[0].encrypted && aws_ebs_volume.data[0].encrypted && aws_ebs_volume.data[0].final_snapshot
    error_message = "Disks are encrypted, and the data volume leaves a snapshot."
  }
  assert {
    condition     = aws_volume_attachment.data[0].stop_instance_before_detaching && aws_instance.host[0].user_data_replace_on_change
    error_message = "New settings make a new host, and the database is stopped before its disk moves."
  }
  assert {
    condition     = data.aws_subnet.host.id == "subnet-aaaa"
    error_message = "The subnet is the first by id, in whatever order AWS lists them."
  }
  assert {
    condition     = { for rule in aws_vpc_security_group_egress_rule.host : rule.from_port => rule.to_port } == { 443 = 443, 22 = 22 }
    error_message = "Out go HTTPS and SSH to the VMs, and nothing else."
  }
}

run "the_data_volume_is_snapshotted" {
  assert {
    condition     = one(aws_dlm_lifecycle_policy.data[0].policy_details).target_tags == tomap({ Snapshot = "lablink-prod" }) && aws_ebs_volume.data[0].tags["Snapshot"] == "lablink-prod"
    error_message = "The policy must find the volume by its tag."
  }
  assert {
    condition     = one(one(aws_dlm_lifecycle_policy.data[0].policy_details).schedule).create_rule[0].interval == 24 && one(one(aws_dlm_lifecycle_policy.data[0].policy_details).schedule).retain_rule[0].count == 7
    error_message = "Daily snapshots, a week of them."
  }
}

run "the_configuration_reaches_the_host_whole" {
  variables {
    config_path = "tests/configs/other/full.yaml"
  }

  assert {
    condition     = yamldecode(module.user_data.files["/etc/lablink/config/config.yaml"]) == yamldecode(file("tests/configs/other/full.yaml"))
    error_message = "Every key of config.yaml must reach the allocator, unchanged."
  }
  assert {
    condition     = module.user_data.files["/etc/lablink/config/custom-startup.sh"] == file("tests/configs/scripts/startup.sh")
    error_message = "The startup script must reach the host letter by letter."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "ALLOCATOR_IMAGE='ghcr.io/talmolab/lablink-allocator-image:linux-amd64-0.1.0'")
    error_message = "allocator.image_tag decides which image runs."
  }
}

run "the_allocator_keeps_its_state_where_it_may" {
  variables {
    config_path = "settings/tests/configs/plain-http.yaml"
  }

  assert {
    condition     = yamldecode(module.user_data.files["/etc/lablink/config/config.yaml"]).bucket_name == "tf-state-lablink-allocator-bucket" && one([for statement in data.aws_iam_policy_document.client_state.statement : statement.resources if statement.sid == "FindState"]) == toset(["arn:aws:s3:::tf-state-lablink-allocator-bucket"])
    error_message = "The bucket of its rights is the bucket that it is told of."
  }
}

run "a_newer_image_is_no_reason_to_replace_the_host" {
  command = plan
  variables {
    ami_id     = "ami-0fedcba9876543210"
    subnet_ids = ["subnet-cccc"]
  }

  assert {
    condition     = aws_instance.host[0].ami == "ami-0123456789abcdef0" && aws_instance.host[0].id == "i-0123456789abcdef0"
    error_message = "The host keeps its image until it is made anew."
  }
}

run "the_options_of_the_host" {
  state_key = "options"
  variables {
    instance_type          = "m7i.large"
    ami_id                 = "ami-0fedcba9876543210"
    ssh_cidrs              = ["198.51.100.0/24"]
    restore_snapshot_id    = "snap-0123456789abcdef0"
    subnet_ids             = ["subnet-cccc"]
    vpc_id                 = "vpc-0fedcba9876543210"
    termination_protection = true
    tags                   = { Owner = "ada", CostCenter = "teaching" }
  }

  assert {
    condition     = aws_instance.host[0].ami == "ami-0fedcba9876543210" && aws_instance.host[0].instance_type == "m7i.large" && aws_instance.host[0].disable_api_termination
    error_message = "Type, image and protection are the caller's choice."
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.host["ssh 198.51.100.0/24"].cidr_ipv4 == "198.51.100.0/24"
    error_message = "SSH is open to the given network alone."
  }
  assert {
    condition     = aws_ebs_volume.data[0].snapshot_id == "snap-0123456789abcdef0"
    error_message = "A snapshot brings the data back."
  }
  assert {
    condition = alltrue([
      for text in [
        "variable \"vpc_id\" {\n  default = \"vpc-0fedcba9876543210\"\n}",
        "variable \"subnet_ids\" {\n  default = [\"subnet-cccc\"]\n}",
        "variable \"owner\" {\n  default = \"ada\"\n}",
        "variable \"cost_center\" {\n  default = \"teaching\"\n}",
        "variable \"permissions_boundary_arn\" {\n  default = \"arn:aws:iam::123456789012:policy/boundary\"\n}",
      ] : strcontains(module.user_data.files["/etc/lablink/host_override.tf"], text)
    ])
    error_message = "The VMs are made beside the host, bounded and with the same owner."
  }
}

run "user_data_larger_than_ec2_takes_is_refused" {
  command = plan
  module {
    source = "./user-data"
  }
  variables {
    environment     = {}
    config_yaml     = "{}"
    module_override = ""
    proxy           = null
    # Hashes do not compress.
    startup_script = join("\n", [for n in range(600) : sha256(n)])
  }
  expect_failures = [output.user_data_base64]
}
