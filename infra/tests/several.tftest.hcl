# Several allocators on one RDS behind a load balancer.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  resource_suffix   = "prod"
  config_path       = "tests/configs/several-acm-route53.yaml"
  log_forwarder_zip = "tests/fixtures/forwarder.zip"
  abandon_vms       = true
  admin_password    = "organiser-pass"
  db_password       = "database-pass"
  access_code       = ""
}

run "several_acm_route53" {
  assert {
    condition     = aws_autoscaling_group.hosts[0].min_size == 3 && aws_autoscaling_group.hosts[0].desired_capacity == 3 && aws_autoscaling_group.hosts[0].max_size == 4 && aws_autoscaling_group.hosts[0].vpc_zone_identifier == toset(["subnet-aaaa", "subnet-bbbb"])
    error_message = "Three hosts, spread over the subnets, and room for one more while they are replaced."
  }
  assert {
    condition     = aws_autoscaling_group.hosts[0].target_group_arns == toset([aws_lb_target_group.allocator["acm"].arn]) && length(aws_lb_target_group_attachment.allocator) == 0
    error_message = "Every host joins the load balancer's targets."
  }
  assert {
    condition     = aws_autoscaling_group.hosts[0].health_check_type == "EC2" && one(aws_autoscaling_group.hosts[0].instance_refresh).strategy == "Rolling" && one(one(aws_autoscaling_group.hosts[0].instance_refresh).preferences).min_healthy_percentage == 100
    error_message = "A database that is away replaces no host, and new settings come to one host after the other."
  }
  assert {
    condition     = length(aws_instance.host) + length(aws_eip.host) + length(data.aws_eip.persistent) + length(aws_eip_association.host) + length(aws_ebs_volume.data) + length(aws_volume_attachment.data) + length(aws_dlm_lifecycle_policy.data) + length(aws_iam_role.snapshots) == 0
    error_message = "No host, address or volume is of its own."
  }
  assert {
    condition     = one(aws_route53_record.allocator[0].alias).zone_id == "ZLOADBALANCER" && output.allocator_url == "https://lablink.example.org" && output.ec2_public_ip == "N/A" && output.instance_id == "N/A" && output.data_volume_id == "N/A"
    error_message = "The name points to the load balancer, and the outputs name no host."
  }
}

run "each_host_is_closed_and_encrypted_as_the_one_would_be" {
  assert {
    condition     = aws_launch_template.hosts[0].metadata_options[0].http_tokens == "required" && aws_launch_template.hosts[0].metadata_options[0].http_put_response_hop_limit == 1 && aws_launch_template.hosts[0].block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "IMDSv2 alone, one hop, encrypted disks."
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.host) == 0 && aws_vpc_security_group_ingress_rule.host_from_alb["acm"].from_port == 5000 && aws_launch_template.hosts[0].network_interfaces[0].security_groups == toset([aws_security_group.host.id])
    error_message = "Only the load balancer gets in."
  }
  assert {
    condition     = { for tag in aws_autoscaling_group.hosts[0].tag : tag.key => tag.value if tag.propagate_at_launch } == { Environment = "prod", ManagedBy = "lablink-infra", Name = "lablink-allocator-prod" }
    error_message = "Hosts carry the tags that keep the allocator's own rights away from them."
  }
  assert {
    condition     = aws_launch_template.hosts[0].user_data == module.user_data.user_data_base64 && aws_launch_template.hosts[0].iam_instance_profile[0].name == "lablink_instance_profile_prod"
    error_message = "All get the same settings and rights, hence the same secrets."
  }
}

run "all_of_them_are_one_system" {
  assert {
    condition = yamldecode(module.user_data.files["/etc/lablink/config/config.yaml"]).db == {
      kind = "rds", dbname = "class", user = "teacher", password = "PLACEHOLDER_DB_PASSWORD", host = "lablink-prod.abc.us-west-2.rds.amazonaws.com", port = 5432, sslmode = "verify-full", sslrootcert = "/config/rds-ca.pem"
    } && aws_db_instance.allocator["rds"].db_name == "class" && aws_db_instance.allocator["rds"].username == "teacher"
    error_message = "One database, under the names of config.yaml."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "DATA_VOLUME_ID=''\n") && strcontains(module.user_data.files["/etc/lablink/host.env"], "ALLOCATOR_PUBLIC_IP=''\n") && strcontains(module.user_data.files["/etc/lablink/host.env"], "SECRETS_PATH='/lablink/prod'\n")
    error_message = "No host has a disk or an address that another lacks; secrets are shared."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host_override.tf"], "variable \"allocator_security_group_id\" {\n  default = \"${aws_security_group.host.id}\"\n}")
    error_message = "Whichever host it is, VMs let it in by its group."
  }
  assert {
    condition     = length([for name, policy in aws_iam_role_policy.host : name if name == "state"]) == 1
    error_message = "The VMs' state is in the bucket."
  }
}

run "several_acm_dns" {
  state_key = "dns"
  variables {
    config_path = "tests/configs/several-acm-dns.yaml"
  }
  assert {
    condition     = aws_autoscaling_group.hosts[0].desired_capacity == 2 && length(aws_route53_record.allocator) == 0 && output.alb_dns_name == "lablink-alb.us-west-2.elb.amazonaws.com"
    error_message = "Two hosts, and the record is yours to make."
  }
}

run "a_newer_image_is_no_reason_to_replace_them" {
  command = plan
  variables {
    ami_id = "ami-0fedcba9876543210"
  }
  assert {
    condition     = aws_launch_template.hosts[0].image_id == "ami-0123456789abcdef0"
    error_message = "Hosts keep their image until told otherwise."
  }
}
