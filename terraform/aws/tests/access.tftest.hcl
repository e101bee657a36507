# Who may reach a VM, and what a VM may do.
mock_provider "aws" {
  source = "./tests/mocks"
}
mock_provider "time" {
  source = "./tests/mocks"
}
mock_provider "tls" {
  source = "./tests/mocks"
}

run "ssh_is_for_the_allocator_alone" {
  command = plan

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.ssh_from_address[0].cidr_ipv4 == "203.0.113.7/32" &&
      aws_vpc_security_group_ingress_rule.ssh_from_address[0].from_port == 22 &&
      aws_vpc_security_group_ingress_rule.ssh_from_address[0].to_port == 22 &&
      length(aws_vpc_security_group_ingress_rule.ssh_from_group) == 0
    )
    error_message = "Port 22 is open for the allocator's address only."
  }
  assert {
    condition     = aws_security_group.vm.name == "lablink_client_test_sg" && aws_key_pair.vm.key_name == "lablink_key_pair_client_test"
    error_message = "Names are those of the contract."
  }
}

run "ssh_from_the_allocators_security_group" {
  command = plan
  variables {
    allocator_ip                = ""
    allocator_security_group_id = "sg-0allocator"
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.ssh_from_group[0].referenced_security_group_id == "sg-0allocator" &&
      aws_vpc_security_group_ingress_rule.ssh_from_group[0].from_port == 22 &&
      length(aws_vpc_security_group_ingress_rule.ssh_from_address) == 0
    )
    error_message = "Port 22 is open for the allocator's group only."
  }
}

run "an_allocator_without_address_is_warned_of" {
  command = plan
  variables {
    allocator_ip = ""
  }
  expect_failures = [check.the_allocator_can_fetch_results]
}

run "vms_write_to_their_log_group_alone" {
  command = plan

  assert {
    condition = (
      toset(data.aws_iam_policy_document.write_logs.statement[0].actions) == toset(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]) &&
      toset(data.aws_iam_policy_document.write_logs.statement[0].resources) == toset([
        "arn:aws:logs:us-west-2:123456789012:log-group:lablink-cloud-init-test",
        "arn:aws:logs:us-west-2:123456789012:log-group:lablink-cloud-init-test:log-stream:*",
      ])
    )
    error_message = "The role must grant writing to one group, and no more."
  }
  assert {
    condition = (
      aws_iam_role.vm[0].name == "lablink_cloud_watch_agent_role_test" &&
      aws_iam_instance_profile.vm[0].name == "lablink_client_instance_profile_test" &&
      alltrue([for vm in aws_instance.vm : vm.iam_instance_profile == "lablink_client_instance_profile_test"])
    )
    error_message = "Every VM has the role, under the contract's name."
  }
  assert {
    condition     = aws_iam_role.vm[0].permissions_boundary == null
    error_message = "No boundary was asked for."
  }
}

run "the_role_can_be_bounded" {
  command = plan
  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/bound"
  }

  assert {
    condition     = aws_iam_role.vm[0].permissions_boundary == "arn:aws:iam::123456789012:policy/bound"
    error_message = "The boundary must be on the role."
  }
}

run "without_a_log_group_vms_have_no_role" {
  command = plan
  variables {
    cloud_init_output_log_group = ""
  }

  assert {
    condition     = length(aws_iam_role.vm) + length(aws_iam_role_policy.write_logs) + length(aws_iam_instance_profile.vm) == 0
    error_message = "A VM that needs no right has none."
  }
}
