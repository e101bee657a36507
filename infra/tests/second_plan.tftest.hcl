# Applied twice without a change in between, nothing may be replaced: what is known after the first
# apply would be unknown in the second plan. tests/no-second-diff also looks for changes in place.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  resource_suffix   = "prod"
  log_forwarder_zip = "tests/fixtures/forwarder.zip"
  abandon_vms       = true
  admin_password    = "organiser-pass"
  db_password       = "database-pass"
  access_code       = ""
  ssh_cidrs         = ["198.51.100.0/24"]
}

run "applied_none" {
  state_key = "none"
  variables {
    config_path = "tests/configs/none-address-dynamic.yaml"
  }

  assert {
    condition     = output.instance_id == "i-0123456789abcdef0"
    error_message = "The host must be there."
  }
}

run "planned_again_none" {
  command   = plan
  state_key = "none"
  variables {
    config_path = "tests/configs/none-address-dynamic.yaml"
  }

  assert {
    condition = alltrue([
      output.instance_id == run.applied_none.instance_id,
      output.data_volume_id == run.applied_none.data_volume_id,
      output.alb_dns_name == run.applied_none.alb_dns_name,
      output.ec2_public_ip == run.applied_none.ec2_public_ip,
      aws_instance.host[0].user_data_base64 == module.user_data.user_data_base64,
      aws_eip_association.host[0].id != null,
      aws_volume_attachment.data[0].id != null,
      aws_lambda_function.forwarder.arn != null,
    ])
    error_message = "Nothing may be made anew."
  }
}

run "applied_letsencrypt" {
  state_key = "letsencrypt"
  variables {
    config_path = "tests/configs/letsencrypt-route53-persistent.yaml"
  }

  assert {
    condition     = output.instance_id == "i-0123456789abcdef0"
    error_message = "The host must be there."
  }
}

run "planned_again_letsencrypt" {
  command   = plan
  state_key = "letsencrypt"
  variables {
    config_path = "tests/configs/letsencrypt-route53-persistent.yaml"
  }

  assert {
    condition = alltrue([
      output.instance_id == run.applied_letsencrypt.instance_id,
      output.data_volume_id == run.applied_letsencrypt.data_volume_id,
      output.alb_dns_name == run.applied_letsencrypt.alb_dns_name,
      output.ec2_public_ip == run.applied_letsencrypt.ec2_public_ip,
      aws_instance.host[0].user_data_base64 == module.user_data.user_data_base64,
      aws_eip_association.host[0].id != null,
      aws_volume_attachment.data[0].id != null,
      aws_lambda_function.forwarder.arn != null,
    ])
    error_message = "Nothing may be made anew."
  }
}

run "applied_cloudflare" {
  state_key = "cloudflare"
  variables {
    config_path = "tests/configs/cloudflare-dns-dynamic.yaml"
  }

  assert {
    condition     = output.instance_id == "i-0123456789abcdef0"
    error_message = "The host must be there."
  }
}

run "planned_again_cloudflare" {
  command   = plan
  state_key = "cloudflare"
  variables {
    config_path = "tests/configs/cloudflare-dns-dynamic.yaml"
  }

  assert {
    condition = alltrue([
      output.instance_id == run.applied_cloudflare.instance_id,
      output.data_volume_id == run.applied_cloudflare.data_volume_id,
      output.alb_dns_name == run.applied_cloudflare.alb_dns_name,
      output.ec2_public_ip == run.applied_cloudflare.ec2_public_ip,
      aws_instance.host[0].user_data_base64 == module.user_data.user_data_base64,
      aws_eip_association.host[0].id != null,
      aws_volume_attachment.data[0].id != null,
      aws_lambda_function.forwarder.arn != null,
    ])
    error_message = "Nothing may be made anew."
  }
}

run "applied_acm" {
  state_key = "acm"
  variables {
    config_path = "tests/configs/acm-route53-dynamic.yaml"
  }

  assert {
    condition     = output.instance_id == "i-0123456789abcdef0"
    error_message = "The host must be there."
  }
}

run "planned_again_acm" {
  command   = plan
  state_key = "acm"
  variables {
    config_path = "tests/configs/acm-route53-dynamic.yaml"
  }

  assert {
    condition = alltrue([
      output.instance_id == run.applied_acm.instance_id,
      output.data_volume_id == run.applied_acm.data_volume_id,
      output.alb_dns_name == run.applied_acm.alb_dns_name,
      output.ec2_public_ip == run.applied_acm.ec2_public_ip,
      aws_instance.host[0].user_data_base64 == module.user_data.user_data_base64,
      aws_eip_association.host[0].id != null,
      aws_volume_attachment.data[0].id != null,
      aws_lambda_function.forwarder.arn != null,
    ])
    error_message = "Nothing may be made anew."
  }
}

run "applied_several" {
  state_key = "several"
  variables {
    config_path = "tests/configs/several-acm-route53.yaml"
  }

  assert {
    condition     = output.database_address != "N/A"
    error_message = "The database must be there."
  }
}

run "planned_again_several" {
  command   = plan
  state_key = "several"
  variables {
    config_path = "tests/configs/several-acm-route53.yaml"
  }

  assert {
    condition = alltrue([
      output.database_address == run.applied_several.database_address,
      output.alb_dns_name == run.applied_several.alb_dns_name,
      aws_launch_template.hosts[0].user_data == module.user_data.user_data_base64,
      aws_autoscaling_group.hosts[0].arn != null,
      aws_db_instance.allocator["rds"].arn != null,
      aws_lambda_function.forwarder.arn != null,
    ])
    error_message = "Nothing may be made anew."
  }
}
