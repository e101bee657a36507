# One allocator on RDS, in every way of being reached.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  resource_suffix   = "prod"
  config_path       = "tests/configs/rds-none-address.yaml"
  log_forwarder_zip = "tests/fixtures/forwarder.zip"
  abandon_vms       = true
  admin_password    = "organiser-pass"
  db_password       = "database-pass"
  access_code       = ""
}

run "the_database_is_closed_encrypted_and_kept" {
  assert {
    condition     = aws_db_instance.allocator["rds"].storage_encrypted && !aws_db_instance.allocator["rds"].publicly_accessible && aws_db_instance.allocator["rds"].multi_az
    error_message = "Encrypted, without a public address, with a second one that stands by."
  }
  assert {
    condition     = aws_db_instance.allocator["rds"].backup_retention_period == 7 && aws_db_instance.allocator["rds"].deletion_protection && !aws_db_instance.allocator["rds"].skip_final_snapshot && startswith(aws_db_instance.allocator["rds"].final_snapshot_identifier, "lablink-prod-")
    error_message = "A week of backups, and nobody deletes it by mistake or without a snapshot."
  }
  assert {
    condition     = { for parameter in aws_db_parameter_group.allocator["rds"].parameter : parameter.name => parameter.value } == { "rds.force_ssl" = "1" } && aws_db_instance.allocator["rds"].parameter_group_name == aws_db_parameter_group.allocator["rds"].name
    error_message = "It takes nobody without TLS."
  }
  assert {
    condition     = [for subnet in aws_subnet.database : subnet.cidr_block] == ["172.31.255.224/28", "172.31.255.240/28"] && [for subnet in aws_subnet.database : subnet.availability_zone] == ["us-west-2a", "us-west-2b"] && length(aws_route_table.database["rds"].route) == 0 && length(aws_route_table_association.database) == 2
    error_message = "Two subnets in two zones at the VPC's end, without a way out."
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.database["rds"].referenced_security_group_id == aws_security_group.host.id && aws_vpc_security_group_ingress_rule.database["rds"].cidr_ipv4 == null && aws_vpc_security_group_ingress_rule.database["rds"].from_port == 5432 && aws_vpc_security_group_ingress_rule.database["rds"].to_port == 5432
    error_message = "Only the allocator's group reaches it, on one port."
  }
  assert {
    condition     = aws_vpc_security_group_egress_rule.host_to_database["rds"].referenced_security_group_id == aws_security_group.database["rds"].id && aws_vpc_security_group_egress_rule.host_to_database["rds"].from_port == 5432
    error_message = "The host gets out to it."
  }
}

run "its_subnets_are_nobody_elses" {
  assert {
    condition     = one([for filter in data.aws_subnets.host.filter : filter.values if filter.name == "default-for-az"]) == toset(["true"])
    error_message = "Hosts go to the default VPC's own subnets."
  }
}

run "its_password_is_written_once_to_both_sides_and_kept_nowhere_else" {
  assert {
    condition     = toset(keys(aws_ssm_parameter.secret)) == toset(["admin-password", "log-token", "metrics-token", "secret-key"]) && aws_ssm_parameter.rds_password["rds"].name == "/lablink/prod/rds-password" && contains(one([for statement in data.aws_iam_policy_document.host.statement : statement.resources if statement.sid == "ReadSecrets"]), "arn:aws:ssm:us-west-2:123456789012:parameter/lablink/prod/rds-password")
    error_message = "The parameter is RDS's own, and the host may read it."
  }
  assert {
    condition     = aws_db_instance.allocator["rds"].password == null && aws_db_instance.allocator["rds"].password_wo == null && aws_db_instance.allocator["rds"].password_wo_version == aws_ssm_parameter.rds_password["rds"].value_wo_version
    error_message = "The state has the version of the password alone, the same on both sides."
  }
  assert {
    condition     = !strcontains(jsonencode(module.user_data.files), "database-pass")
    error_message = "No password may reach the user data."
  }
}

run "the_allocator_is_told_where_it_is_and_checks_who_it_is" {
  assert {
    condition = yamldecode(module.user_data.files["/etc/lablink/config/config.yaml"]).db == {
      kind = "rds", host = "lablink-prod.abc.us-west-2.rds.amazonaws.com", port = 5432, sslmode = "verify-full", sslrootcert = "/config/rds-ca.pem"
    }
    error_message = "Address, full check and authorities come from the deployment."
  }
  assert {
    condition = alltrue([
      for line in ["LABLINK_EMBEDDED_POSTGRES='0'", "DB_SECRET='rds-password'", "RDS_CA_URL='https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem'"] :
      strcontains(module.user_data.files["/etc/lablink/host.env"], "${line}\n")
    ])
    error_message = "The host fetches the authorities and RDS's password, and the allocator runs no database."
  }
  assert {
    condition     = length(aws_instance.host) == 1 && length(aws_ebs_volume.data) == 1 && length(aws_autoscaling_group.hosts) == 0 && output.database_address == "lablink-prod.abc.us-west-2.rds.amazonaws.com"
    error_message = "One host, with its address and its volume for certificates."
  }
}

run "rds_letsencrypt" {
  state_key = "letsencrypt"
  variables {
    config_path = "tests/configs/rds-letsencrypt-route53.yaml"
  }
  assert {
    condition     = output.allocator_url == "https://lablink.example.org" && length(aws_db_instance.allocator) == 1 && can(module.user_data.files["/etc/lablink/Caddyfile"])
    error_message = "Caddy before one allocator on RDS."
  }
}

run "rds_cloudflare" {
  state_key = "cloudflare"
  variables {
    config_path = "tests/configs/rds-cloudflare-dns.yaml"
  }
  assert {
    condition     = output.allocator_url == "https://lablink.example.org" && length(aws_db_instance.allocator) == 1 && can(module.user_data.files["/etc/lablink/Caddyfile"])
    error_message = "Caddy behind Cloudflare before one allocator on RDS."
  }
}

run "rds_acm_dynamic" {
  state_key = "acm"
  variables {
    config_path = "tests/configs/rds-acm-route53.yaml"
  }
  assert {
    condition     = length(aws_db_instance.allocator) == 1 && length(aws_lb_target_group_attachment.allocator) == 1 && length(aws_eip.host) == 1
    error_message = "A load balancer before one allocator on RDS."
  }
}

run "rds_acm_persistent" {
  state_key = "acm_persistent"
  variables {
    config_path = "tests/configs/rds-acm-persistent.yaml"
  }
  assert {
    condition     = length(aws_db_instance.allocator) == 1 && length(aws_eip.host) == 0 && aws_eip_association.host[0].allocation_id == "eipalloc-persistent"
    error_message = "The same at an address that exists already."
  }
}

run "the_options_of_the_database" {
  state_key = "options"
  variables {
    database_instance_class      = "db.m7g.large"
    database_storage_gib         = 100
    database_multi_az            = false
    database_backup_days         = 35
    database_deletion_protection = false
    database_restore_snapshot_id = "rds:lablink-prod-2026-01-01-03-00"
    database_cidrs               = ["172.31.200.0/28", "172.31.200.16/28"]
    rds_ca_url                   = "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem"
    secrets_version              = 2
  }
  assert {
    condition     = aws_db_instance.allocator["rds"].instance_class == "db.m7g.large" && aws_db_instance.allocator["rds"].allocated_storage == 100 && aws_db_instance.allocator["rds"].max_allocated_storage == 500 && !aws_db_instance.allocator["rds"].multi_az
    error_message = "Class, size and the second database are the caller's choice."
  }
  assert {
    condition     = aws_db_instance.allocator["rds"].backup_retention_period == 35 && !aws_db_instance.allocator["rds"].deletion_protection && aws_db_instance.allocator["rds"].snapshot_identifier == "rds:lablink-prod-2026-01-01-03-00" && aws_db_instance.allocator["rds"].password_wo_version == 2
    error_message = "So are backups, protection, and what it is made from."
  }
  assert {
    condition     = [for subnet in aws_subnet.database : subnet.cidr_block] == ["172.31.200.0/28", "172.31.200.16/28"] && strcontains(module.user_data.files["/etc/lablink/host.env"], "RDS_CA_URL='https://truststore.pki.us-gov-west-1.")
    error_message = "So are its networks, and where its authorities are told."
  }
}

run "without_rds_nothing_of_it_is_there" {
  state_key = "embedded"
  variables {
    config_path = "tests/configs/none-address-dynamic.yaml"
  }
  assert {
    condition     = length(aws_db_instance.allocator) + length(aws_subnet.database) + length(aws_route_table.database) + length(aws_security_group.database) + length(aws_vpc_security_group_egress_rule.host_to_database) + length(aws_cloudwatch_log_group.database) == 0
    error_message = "The embedded database needs none of it."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "DB_SECRET='db-password'\n") && strcontains(module.user_data.files["/etc/lablink/host.env"], "RDS_CA_URL=''\n") && strcontains(module.user_data.files["/etc/lablink/host.env"], "LABLINK_EMBEDDED_POSTGRES='1'\n") && output.database_address == "N/A"
    error_message = "The allocator runs its own."
  }
}
