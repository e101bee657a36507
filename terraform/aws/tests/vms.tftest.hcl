# What a VM is.
mock_provider "aws" {
  source = "./tests/mocks"
}
mock_provider "time" {
  source = "./tests/mocks"
}
mock_provider "tls" {
  source = "./tests/mocks"
}

run "nothing_but_the_surroundings_without_vms" {
  command = plan
  variables {
    vms = {}
  }

  assert {
    condition     = length(aws_instance.vm) == 0 && output.vms == {} && output.vm_instance_names == []
    error_message = "No VM may be made unless asked for."
  }
  assert {
    condition     = [output.terraform_apply_avg_seconds, output.terraform_apply_max_seconds, output.terraform_apply_min_seconds] == [0, 0, 0]
    error_message = "Without VMs the times are 0."
  }
}

run "each_vm_is_what_was_asked_for" {
  command = plan

  assert {
    condition     = keys(aws_instance.vm) == ["lablink-vm-test-10", "lablink-vm-test-8", "lablink-vm-test-9"]
    error_message = "VMs are known by their hostnames."
  }
  assert {
    condition = alltrue([
      for hostname, vm in aws_instance.vm :
      vm.tags.Name == hostname && vm.ami == "ami-0123456789abcdef0" && vm.instance_type == "g4dn.xlarge" && vm.associate_public_ip_address
    ])
    error_message = "Each VM has its name, image and type."
  }
  assert {
    condition     = output.vm_instance_names == ["lablink-vm-test-8", "lablink-vm-test-9", "lablink-vm-test-10"]
    error_message = "Lists are sorted by number."
  }
}

run "disks_are_encrypted_and_metadata_needs_a_session" {
  command = plan

  assert {
    condition     = alltrue([for vm in aws_instance.vm : vm.root_block_device[0].encrypted && vm.root_block_device[0].volume_type == "gp3" && vm.root_block_device[0].volume_size == 80])
    error_message = "Disks must be encrypted gp3 of 80 GiB."
  }
  assert {
    condition     = alltrue([for vm in aws_instance.vm : vm.metadata_options[0].http_tokens == "required" && vm.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "Metadata must need IMDSv2, one hop away."
  }
}

run "the_disk_is_a_choice" {
  command = plan
  variables {
    root_volume_gb = 200
    kms_key_id     = "arn:aws:kms:us-west-2:123456789012:key/k"
  }

  assert {
    condition     = alltrue([for vm in aws_instance.vm : vm.root_block_device[0].volume_size == 200 && vm.root_block_device[0].kms_key_id == "arn:aws:kms:us-west-2:123456789012:key/k"])
    error_message = "Size and key must be those given."
  }
}

run "everything_is_tagged" {
  command = plan
  variables {
    owner       = "teaching"
    cost_center = "1234"
  }

  assert {
    condition = alltrue([
      for tags in concat(
        [for vm in aws_instance.vm : vm.tags],
        [for vm in aws_instance.vm : vm.root_block_device[0].tags],
        [aws_security_group.vm.tags, aws_key_pair.vm.tags, aws_iam_role.vm[0].tags, aws_iam_instance_profile.vm[0].tags],
      ) : tags.Environment == "test" && tags.Owner == "teaching" && tags.CostCenter == "1234" && tags.ManagedBy == "lablink-allocator"
    ])
    error_message = "Environment, owner and cost must be on all that costs or grants something."
  }
}

run "empty_tags_are_left_out" {
  command = plan

  assert {
    condition     = toset(keys(aws_key_pair.vm.tags)) == toset(["Environment", "ManagedBy"])
    error_message = "A tag without a value says nothing."
  }
}

run "vms_are_on_demand" {
  command = plan

  assert {
    condition     = alltrue([for vm in aws_instance.vm : length(vm.instance_market_options) == 0])
    error_message = "Spot instances must be asked for."
  }
}

run "spot_is_a_choice" {
  command = plan
  variables {
    spot = { max_price = "0.25" }
  }

  assert {
    condition = alltrue([
      for vm in aws_instance.vm :
      vm.instance_market_options[0].market_type == "spot" &&
      vm.instance_market_options[0].spot_options[0].max_price == "0.25" &&
      vm.instance_market_options[0].spot_options[0].spot_instance_type == "one-time"
    ])
    error_message = "All VMs must be one-time spot instances within the price."
  }
}

run "spot_needs_no_price" {
  command = plan
  variables {
    spot = {}
  }

  assert {
    condition     = alltrue([for vm in aws_instance.vm : vm.instance_market_options[0].market_type == "spot"])
    error_message = "A price is optional."
  }
}

run "a_long_roles_name_keeps_its_beginning" {
  command = plan
  variables {
    deployment_name = "north"
    pool            = "organic-chemistry-for-a-summer"
    operation       = "41"
  }

  assert {
    condition     = length(aws_iam_role.vm[0].name) == 64 && startswith(aws_iam_role.vm[0].name, "lablink_cloud_watch_agent_role_north_test.")
    error_message = "IAM takes 64 characters, and the allocator's rights name the beginning."
  }
  assert {
    condition     = aws_key_pair.vm.key_name == "lablink_key_pair_client_north_test.organic-chemistry-for-a-summer"
    error_message = "Other names stay whole."
  }
  assert {
    condition = alltrue([
      for vm in aws_instance.vm : vm.tags.Deployment == "north" && vm.tags.Pool == "organic-chemistry-for-a-summer" && vm.tags.Operation == "41"
    ])
    error_message = "A sweep finds VMs by all three."
  }
}
