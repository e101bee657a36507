# Secrets: where they go, and where not.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  resource_suffix   = "prod"
  config_path       = "tests/configs/none-address-dynamic.yaml"
  log_forwarder_zip = "tests/fixtures/forwarder.zip"
  admin_password    = "organiser-pass"
  db_password       = "database-pass"
}

run "each_secret_is_written_once_and_kept_nowhere_else" {
  assert {
    condition     = { for name, parameter in aws_ssm_parameter.secret : name => parameter.name } == { for name in ["admin-password", "db-password", "log-token", "secret-key"] : name => "/lablink/prod/${name}" }
    error_message = "Four parameters, under the environment's path."
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
    condition     = aws_lambda_function.forwarder.environment[0].variables == tomap({ API_ENDPOINT = "http://203.0.113.10/api/vm-logs", LABLINK_LOG_TOKEN_PARAMETER = "/lablink/prod/log-token" })
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
    condition     = length(aws_ssm_parameter.secret) == 4
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
