# Secrets: where they go, and where not.
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

run "each_secret_is_written_once_and_kept_nowhere_else" {
  assert {
    condition     = { for name, parameter in aws_ssm_parameter.secret : name => parameter.name } == { for name in ["admin-password", "db-password", "log-token", "metrics-token", "secret-key"] : name => "/lablink/prod/${name}" }
    error_message = "Five parameters, under the environment's path."
  }
  assert {
    condition     = alltrue([for parameter in aws_ssm_parameter.secret : parameter.type == "SecureString" && parameter.value_wo == null && parameter.value_wo_version == 1])
    error_message = "Values are write-only: the state has their version alone."
  }
  assert {
    condition     = !strcontains(jsonencode(module.user_data.files), "organiser-pass") && !strcontains(jsonencode(module.user_data.files), "database-pass")
    error_message = "No password may reach the user data."
  }
  assert {
    condition     = aws_lambda_function.forwarder.environment[0].variables == tomap({ API_ENDPOINT = "http://203.0.113.10/api/vm-logs", LABLINK_LOG_GROUP = "lablink-cloud-init-prod", LABLINK_LOG_TOKEN_PARAMETER = "/lablink/prod/log-token" })
    error_message = "The forwarder gets the token's name, and not the token."
  }
}

run "an_empty_password_counts_as_absent" {
  state_key = "empty"
  variables {
    admin_password = ""
    db_password    = ""
  }
  assert {
    condition     = length(aws_ssm_parameter.secret) == 5
    error_message = "One is made instead."
  }
}

run "a_higher_version_writes_them_anew" {
  variables {
    secrets_version = 2
  }
  assert {
    condition     = alltrue([for parameter in aws_ssm_parameter.secret : parameter.value_wo_version == 2])
    error_message = "Every secret follows secrets_version."
  }
}

run "an_access_code_lies_where_the_password_does" {
  state_key = "access_code"
  variables {
    config_path = "tests/configs/other/access-code.yaml"
    access_code = "tell-it-to-the-class"
  }
  assert {
    condition     = aws_ssm_parameter.secret["access-code"].name == "/lablink/prod/access-code" && aws_ssm_parameter.secret["access-code"].type == "SecureString" && aws_ssm_parameter.secret["access-code"].value_wo == null
    error_message = "The code is a secret parameter, whose value no state holds."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "ACCESS_CODE_SECRET='access-code'\n") && !strcontains(jsonencode(module.user_data.files), "tell-it-to-the-class")
    error_message = "The user data names it, and does not hold it."
  }
  assert {
    condition     = contains(data.aws_iam_policy_document.host.statement[0].resources, "arn:aws:ssm:us-west-2:123456789012:parameter/lablink/prod/access-code") && endswith(output.access_code_command, "--output text")
    error_message = "The host may read it, and so may who may read parameters."
  }
}

run "without_one_nothing_is_asked_for" {
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "ACCESS_CODE_SECRET=''\n") && output.access_code_command == "N/A"
    error_message = "No parameter is read."
  }
}
