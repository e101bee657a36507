# What a VM is told at its first boot; user-data-test runs it.
mock_provider "aws" {
  source = "./tests/mocks"
}
mock_provider "time" {
  source = "./tests/mocks"
}
mock_provider "tls" {
  source = "./tests/mocks"
}

run "only_its_own_token_reaches_a_vm" {
  command = plan
  variables {
    vms              = { a = { number = 1 }, b = { number = 2 } }
    enrolment_tokens = { a = "first", b = "second" }
  }

  assert {
    condition     = nonsensitive(aws_instance.vm["a"].user_data_base64 != aws_instance.vm["b"].user_data_base64 && local.user_data["a"] == aws_instance.vm["a"].user_data_base64)
    error_message = "Each VM has user data of its own."
  }
}

run "a_startup_script_changes_it" {
  command = plan
  variables {
    custom_startup_script_path = "./tests/mocks/aws.tfmock.hcl"
  }

  assert {
    condition     = base64decode(local.startup_script) == file("./tests/mocks/aws.tfmock.hcl")
    error_message = "The script must arrive unchanged."
  }
}

run "a_missing_startup_script_is_an_empty_one" {
  command = plan

  assert {
    condition     = local.startup_script == ""
    error_message = "No file means no script."
  }
}
