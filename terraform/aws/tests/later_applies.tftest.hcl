# What later plans and applies do to VMs that exist. A plan that would make one anew would not know
# its id or address, and could not be compared.
mock_provider "aws" {
  source = "./tests/mocks"
}
mock_provider "time" {
  source = "./tests/mocks"
}
mock_provider "tls" {
  source = "./tests/mocks"
}

run "vms_are_made" {
  assert {
    condition     = output.vm_public_ips == ["198.51.100.1", "198.51.100.1", "198.51.100.1"] && length(distinct(output.vm_instance_ids)) == 3
    error_message = "Addresses and ids come from the instances."
  }
  assert {
    condition     = output.vm_instance_ids == [for name in output.vm_instance_names : output.vms[name].id]
    error_message = "Lists follow the order of the names."
  }
  assert {
    condition     = nonsensitive(output.lablink_private_key_pem) == "the private key"
    error_message = "The key that VMs admit is an output."
  }
  assert {
    condition = output.instance_terraform_apply_times["lablink-vm-test-8"] == {
      seconds    = 0
      formatted  = "00h:00m:00s"
      start_time = time_static.start["lablink-vm-test-8"].rfc3339
      end_time   = "2023-11-14T22:13:20Z"
    } && can(regex("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$", time_static.start["lablink-vm-test-8"].rfc3339))
    error_message = "Times are given as the allocator reads them."
  }
}

run "the_same_again_changes_nothing" {
  command = plan
  variables {
    enrolment_tokens = {}
  }

  assert {
    condition     = output.vms == run.vms_are_made.vms && output.instance_terraform_apply_times == run.vms_are_made.instance_terraform_apply_times
    error_message = "A second plan must leave VMs as they are."
  }
}

run "other_settings_leave_vms_as_they_are" {
  command = plan
  variables {
    client_ami_id              = "ami-0fffffffffffffff0"
    machine_type               = "g5.xlarge"
    image_name                 = "ghcr.io/example/client:2"
    subject_software           = "other"
    custom_startup_script_path = "./tests/mocks/aws.tfmock.hcl"
    enrolment_tokens           = { lablink-vm-test-8 = "another" }
    subnet_ids                 = ["subnet-0y"]
    assign_public_ip           = false
    root_volume_gb             = 100
    spot                       = {}
  }

  # Another VPC is another matter: see the README.
  override_data {
    target = data.aws_subnet.given
    values = { vpc_id = "vpc-0default" }
  }

  assert {
    condition     = output.vms == run.vms_are_made.vms
    error_message = "No setting may make an existing VM anew."
  }
  assert {
    condition = alltrue([
      for hostname, vm in aws_instance.vm :
      nonsensitive(vm.user_data_base64 != local.user_data[hostname]) && vm.ami == "ami-0123456789abcdef0" && vm.instance_type == "g4dn.xlarge" && vm.subnet_id != "subnet-0y" &&
      vm.associate_public_ip_address && vm.root_block_device[0].volume_size == 80 && length(vm.instance_market_options) == 0
    ])
    error_message = "No setting may change what an existing VM is made of."
  }
}

run "one_more_and_one_less_leave_the_others_alone" {
  variables {
    vms = {
      lablink-vm-test-8  = { number = 8 }
      lablink-vm-test-9  = { number = 9 }
      lablink-vm-test-11 = { number = 11 }
    }
  }

  assert {
    condition     = output.vms["lablink-vm-test-8"] == run.vms_are_made.vms["lablink-vm-test-8"] && output.vms["lablink-vm-test-9"] == run.vms_are_made.vms["lablink-vm-test-9"]
    error_message = "VMs that stay must stay the same."
  }
  assert {
    condition     = output.vm_instance_names == ["lablink-vm-test-8", "lablink-vm-test-9", "lablink-vm-test-11"]
    error_message = "The one that went is gone, and the new one is there."
  }
}
