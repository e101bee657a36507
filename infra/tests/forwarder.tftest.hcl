# The log forwarder.
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

run "log_lines_reach_the_allocator_by_its_url" {
  variables {
    config_path = "tests/configs/acm-route53-dynamic.yaml"
  }
  assert {
    condition     = aws_lambda_function.forwarder.runtime == "provided.al2023" && aws_lambda_function.forwarder.handler == "bootstrap" && aws_lambda_function.forwarder.architectures == tolist(["x86_64"])
    error_message = "The forwarder is a program of its own, not a script."
  }
  assert {
    condition     = aws_lambda_function.forwarder.environment[0].variables["API_ENDPOINT"] == "https://lablink.example.org/api/vm-logs"
    error_message = "API_ENDPOINT is a whole URL with its scheme."
  }
  assert {
    condition     = aws_cloudwatch_log_subscription_filter.forwarder.log_group_name == "lablink-cloud-init-prod" && aws_cloudwatch_log_subscription_filter.forwarder.filter_pattern == "" && aws_cloudwatch_log_subscription_filter.forwarder.destination_arn == aws_lambda_function.forwarder.arn
    error_message = "Every line of the VMs' group goes to the forwarder."
  }
  assert {
    condition     = aws_lambda_permission.forwarder.principal == "logs.us-west-2.amazonaws.com" && aws_lambda_permission.forwarder.source_arn == "${aws_cloudwatch_log_group.client_vms.arn}:*" && aws_lambda_permission.forwarder.source_account == "123456789012"
    error_message = "Only this account's CloudWatch may call it, for that group."
  }
  assert {
    condition     = { for group in [aws_cloudwatch_log_group.client_vms, aws_cloudwatch_log_group.allocator, aws_cloudwatch_log_group.forwarder] : group.name => group.retention_in_days } == { lablink-cloud-init-prod = 30, lablink-allocator-prod = 30, "/aws/lambda/lablink_log_processor_prod" = 14 }
    error_message = "Every log ends some day."
  }
}
