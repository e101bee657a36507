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
