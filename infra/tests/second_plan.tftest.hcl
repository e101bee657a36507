# Applied twice without a change in between, nothing may be replaced: what is known after the first
# apply would be unknown in the second plan. tests/no-second-diff also looks for changes in place.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  resource_suffix   = "prod"
  config_path       = "tests/configs/acm-route53-dynamic.yaml"
  log_forwarder_zip = "tests/fixtures/forwarder.zip"
  admin_password    = "organiser-pass"
  db_password       = "database-pass"
  ssh_cidrs         = ["198.51.100.0/24"]
}

run "applied" {
  assert {
    condition     = output.instance_id == "i-0123456789abcdef0"
    error_message = "The host must be there."
  }
}

run "planned_again" {
  command = plan

  assert {
    condition = alltrue([
      output.instance_id == run.applied.instance_id,
      output.data_volume_id == run.applied.data_volume_id,
      output.alb_dns_name == run.applied.alb_dns_name,
      output.ec2_public_ip == run.applied.ec2_public_ip,
      aws_instance.host.user_data_base64 == module.user_data.user_data_base64,
      aws_eip_association.host.id != null,
      aws_volume_attachment.data.id != null,
      aws_lambda_function.forwarder.arn != null,
    ])
    error_message = "Nothing may be made anew."
  }
}
