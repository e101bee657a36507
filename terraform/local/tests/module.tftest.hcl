variables {
  local_dir     = "/tmp/lablink-plan-only"
  allocator_url = "http://localhost:5000"
}

run "nothing_is_made_unless_asked_for" {
  command = plan

  assert {
    condition     = length(terraform_data.vm) == 0 && output.vms == {} && output.vm_instance_names == []
    error_message = "A plan without VMs must be empty."
  }
}

run "each_vm_gets_a_folder_of_its_own" {
  command = plan

  variables {
    vms = {
      lablink-vm-dev-1 = { number = 1 }
      "desk.lab.org"   = { number = 2 }
    }
    enrolment_tokens = { lablink-vm-dev-1 = "one", lablink-vm-dev-2 = "two" }
  }

  assert {
    condition = { for hostname, vm in terraform_data.vm : hostname => vm.input } == {
      lablink-vm-dev-1 = { directory = "/tmp/lablink-plan-only/lablink-vm-dev-1", number = 1 }
      "desk.lab.org"   = { directory = "/tmp/lablink-plan-only/desk.lab.org", number = 2 }
    }
    error_message = "Each VM needs its own folder and number, and nothing else in the state."
  }
}

run "the_runtime_variables_of_the_allocator_are_accepted" {
  command = plan

  variables {
    allocator_ip                = "10.0.0.1"
    machine_type                = "g4dn.xlarge"
    image_name                  = "ghcr.io/example/image:latest"
    repository                  = ""
    client_ami_id               = "ami-1"
    subject_software            = ""
    resource_suffix             = "dev"
    gpu_support                 = "true"
    cloud_init_output_log_group = "lablink-cloud-init-dev"
    region                      = "us-west-2"
    startup_on_error            = "fail"
  }

  assert {
    condition     = var.gpu_support
    error_message = "The allocator writes gpu_support as a text."
  }
}

run "a_hostname_must_not_leave_the_folder" {
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

run "two_vms_must_not_share_a_number" {
  command = plan
  variables {
    vms = { a = { number = 1 }, b = { number = 1 } }
  }
  expect_failures = [var.vms]
}

run "the_folder_must_be_absolute" {
  command = plan
  variables {
    local_dir = "vms"
  }
  expect_failures = [var.local_dir]
}

run "the_allocator_url_must_name_a_host" {
  command = plan
  variables {
    allocator_url = "localhost:5000"
  }
  expect_failures = [var.allocator_url]
}

run "the_remote_desktop_program_must_be_absolute" {
  command = plan
  variables {
    remote_desktop_program = "start-host"
  }
  expect_failures = [var.remote_desktop_program]
}

run "startup_on_error_must_be_a_known_word" {
  command = plan
  variables {
    startup_on_error = "ignore"
  }
  expect_failures = [var.startup_on_error]
}
