# A plan without a change in between, as the allocator's next launch begins with: the tokens are gone.
# infra/tests/no-second-diff looks for changes in it.
mock_provider "aws" {
  source = "./tests/mocks"
}
mock_provider "time" {
  source = "./tests/mocks"
}
mock_provider "tls" {
  source = "./tests/mocks"
}

run "applied" {
  variables {
    enrolment_tokens            = { lablink-vm-test-8 = "one-time" }
    cloud_init_output_log_group = "lablink-cloud-init-test"
    allocator_security_group_id = "sg-0allocator"
  }

  assert {
    condition     = length(output.vms) == 3
    error_message = "The VMs must be there."
  }
}

run "planned_again" {
  command = plan
  variables {
    enrolment_tokens            = {}
    cloud_init_output_log_group = "lablink-cloud-init-test"
    allocator_security_group_id = "sg-0allocator"
  }

  assert {
    condition     = output.vms == run.applied.vms
    error_message = "Nothing may be made anew."
  }
}
