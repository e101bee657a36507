# What is refused before anything is made.
mock_provider "aws" {
  source = "./tests/mocks"
}
mock_provider "time" {
  source = "./tests/mocks"
}
mock_provider "tls" {
  source = "./tests/mocks"
}

run "a_hostname_must_be_a_dns_name" {
  command = plan
  variables {
    vms = { "../elsewhere" = { number = 1 } }
  }
  expect_failures = [var.vms]
}

run "a_number_must_be_whole" {
  command = plan
  variables {
    vms = { a = { number = 1.5 } }
  }
  expect_failures = [var.vms]
}

run "a_number_must_be_at_least_one" {
  command = plan
  variables {
    vms = { a = { number = 0 } }
  }
  expect_failures = [var.vms]
}

run "two_vms_must_not_share_a_number" {
  command = plan
  variables {
    vms = { a = { number = 1 }, b = { number = 1 } }
  }
  expect_failures = [var.vms]
}

run "an_enrolment_token_must_need_no_quoting" {
  command = plan
  variables {
    enrolment_tokens = { a = "one\"two" }
  }
  expect_failures = [var.enrolment_tokens]
}

run "the_allocator_url_must_name_a_host" {
  command = plan
  variables {
    allocator_url = "lablink.example.org"
  }
  expect_failures = [var.allocator_url]
}

run "the_allocator_url_must_not_hold_a_line_break" {
  command = plan
  variables {
    allocator_url = "https://lablink.example.org/\n"
  }
  expect_failures = [var.allocator_url]
}

run "the_allocators_address_must_be_ipv4" {
  command = plan
  variables {
    allocator_ip = "lablink.example.org"
  }
  expect_failures = [var.allocator_ip]
}

run "the_allocators_address_must_not_be_a_range" {
  command = plan
  variables {
    allocator_ip = "0.0.0.0/0"
  }
  expect_failures = [var.allocator_ip]
}

run "a_machine_type_has_a_dot" {
  command = plan
  variables {
    machine_type = "g4dn"
  }
  expect_failures = [var.machine_type]
}

run "an_image_must_not_be_an_option" {
  command = plan
  variables {
    image_name = "--privileged"
  }
  expect_failures = [var.image_name]
}

run "an_image_must_be_given" {
  command = plan
  variables {
    image_name = ""
  }
  expect_failures = [var.image_name]
}

run "an_ami_id_has_a_prefix" {
  command = plan
  variables {
    client_ami_id = "ubuntu"
  }
  expect_failures = [var.client_ami_id]
}

run "an_environment_is_in_lower_case" {
  command = plan
  variables {
    resource_suffix = "Test"
  }
  expect_failures = [var.resource_suffix]
}

run "an_environment_is_short" {
  command = plan
  variables {
    resource_suffix = "a23456789012345678901234567890123"
  }
  expect_failures = [var.resource_suffix]
}

run "a_log_groups_name_must_need_no_quoting" {
  command = plan
  variables {
    cloud_init_output_log_group = "a\"b"
  }
  expect_failures = [var.cloud_init_output_log_group]
}

run "a_region_has_a_number" {
  command = plan
  variables {
    region = "us-west"
  }
  expect_failures = [var.region]
}

run "startup_on_error_must_be_a_known_word" {
  command = plan
  variables {
    startup_on_error = "ignore"
  }
  expect_failures = [var.startup_on_error]
}

run "a_disk_must_hold_the_image" {
  command = plan
  variables {
    root_volume_gb = 4
  }
  expect_failures = [var.root_volume_gb]
}

run "a_disks_size_must_be_whole" {
  command = plan
  variables {
    root_volume_gb = 80.5
  }
  expect_failures = [var.root_volume_gb]
}

run "a_spot_price_is_a_number" {
  command = plan
  variables {
    spot = { max_price = "cheap" }
  }
  expect_failures = [var.spot]
}

run "user_data_beyond_ec2s_limit_is_refused" {
  command = plan
  variables {
    # Too large even when compressed.
    custom_startup_script_path = "../../Cargo.lock"
  }
  expect_failures = [aws_instance.vm]
}

run "agent_auth_must_be_a_known_word" {
  command = plan
  variables {
    agent_auth = "none"
  }
  expect_failures = [var.agent_auth]
}

run "a_deployments_name_begins_with_a_letter" {
  command = plan
  variables {
    deployment_name = "1st"
  }
  expect_failures = [var.deployment_name]
}

run "a_deployments_name_and_its_environment_fit_into_a_roles_name" {
  command = plan
  variables {
    deployment_name = "a2345678901234567890123456789"
  }
  expect_failures = [var.deployment_name]
}

run "a_pool_is_a_slug" {
  command = plan
  variables {
    pool = "Physics"
  }
  expect_failures = [var.pool]
}

run "with_a_pool_names_are_shorter" {
  command = plan
  variables {
    resource_suffix = "a2345678901234567890123"
    pool            = "physics"
  }
  expect_failures = [var.pool]
}

run "an_operation_is_an_id" {
  command = plan
  variables {
    operation = "a b"
  }
  expect_failures = [var.operation]
}

run "other_machine_types_have_a_dot" {
  command = plan
  variables {
    other_machine_types = ["g5"]
  }
  expect_failures = [var.other_machine_types]
}

run "a_placement_has_one_of_the_types" {
  command = plan
  variables {
    placements = { lablink-vm-test-8 = { machine_type = "p5.48xlarge" } }
  }
  expect_failures = [var.placements]
}

run "a_placement_must_be_possible" {
  command = plan
  variables {
    placements = { lablink-vm-test-8 = { availability_zone = "us-west-2d" } }
  }
  expect_failures = [aws_instance.vm["lablink-vm-test-8"]]
}

run "a_startup_script_is_tried_once_at_least" {
  command = plan
  variables {
    startup_attempts = 0
  }
  expect_failures = [var.startup_attempts]
}

run "a_success_check_is_short" {
  command = plan
  variables {
    startup_success_check = join("", [for n in range(300) : "true"])
  }
  expect_failures = [var.startup_success_check]
}

run "a_vm_that_could_never_enrol_is_not_made" {
  command = plan
  variables {
    agent_auth = "required"
  }
  expect_failures = [
    time_static.end["lablink-vm-test-9"],
    time_static.end["lablink-vm-test-10"],
  ]
}
