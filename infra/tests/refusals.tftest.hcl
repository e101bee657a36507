# What is refused before AWS is asked.
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

run "one_subnet_is_too_few_for_a_load_balancer" {
  command = plan
  variables {
    config_path = "tests/configs/acm-dns-dynamic.yaml"
    subnet_ids  = ["subnet-aaaa"]
  }
  expect_failures = [aws_lb.allocator["acm"]]
}

run "ssh_from_everywhere" {
  command = plan
  variables {
    ssh_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.ssh_cidrs]
}

run "ssh_from_no_network" {
  command = plan
  variables {
    ssh_cidrs = ["198.51.100.7"]
  }
  expect_failures = [var.ssh_cidrs]
}

run "a_tag_that_rights_depend_on" {
  command = plan
  variables {
    tags = { ManagedBy = "me" }
  }
  expect_failures = [var.tags]
}

run "no_cloudflare_at_all" {
  command = plan
  variables {
    cloudflare_networks = []
  }
  expect_failures = [var.cloudflare_networks]
}

run "an_image_that_is_none" {
  command = plan
  variables {
    ami_id = "ubuntu"
  }
  expect_failures = [var.ami_id]
}

run "a_snapshot_that_is_none" {
  command = plan
  variables {
    restore_snapshot_id = "yesterday"
  }
  expect_failures = [var.restore_snapshot_id]
}

run "a_volume_too_small" {
  command = plan
  variables {
    data_volume_gib = 4
  }
  expect_failures = [var.data_volume_gib]
}

run "hours_that_do_not_divide_a_day" {
  command = plan
  variables {
    snapshot_hours = 5
  }
  expect_failures = [var.snapshot_hours]
}

run "no_snapshots_kept" {
  command = plan
  variables {
    snapshots_kept = 0
  }
  expect_failures = [var.snapshots_kept]
}

run "a_retention_that_cloudwatch_lacks" {
  command = plan
  variables {
    log_retention_days = 31
  }
  expect_failures = [var.log_retention_days]
}

run "a_forwarder_that_is_not_built" {
  command = plan
  variables {
    log_forwarder_zip = "tests/fixtures/absent.zip"
  }
  expect_failures = [aws_lambda_function.forwarder]
}

run "a_short_admin_password" {
  command = plan
  variables {
    admin_password = "short"
  }
  expect_failures = [var.admin_password]
}

run "an_admin_password_that_bcrypt_would_cut" {
  command = plan
  variables {
    admin_password = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
  }
  expect_failures = [var.admin_password]
}

run "a_database_password_that_a_url_would_break" {
  command = plan
  variables {
    db_password = "p@ss/word"
  }
  expect_failures = [var.db_password]
}

run "a_version_that_is_none" {
  command = plan
  variables {
    secrets_version = 0
  }
  expect_failures = [var.secrets_version]
}

run "a_class_that_is_no_databases" {
  command = plan
  variables {
    config_path             = "tests/configs/rds-none-address.yaml"
    database_instance_class = "t3.large"
  }
  expect_failures = [var.database_instance_class]
}

run "storage_smaller_than_rds_gives" {
  command = plan
  variables {
    config_path          = "tests/configs/rds-none-address.yaml"
    database_storage_gib = 10
  }
  expect_failures = [var.database_storage_gib]
}

run "a_database_without_backups" {
  command = plan
  variables {
    config_path          = "tests/configs/rds-none-address.yaml"
    database_backup_days = 0
  }
  expect_failures = [var.database_backup_days]
}

run "a_database_snapshot_that_is_none" {
  command = plan
  variables {
    config_path                  = "tests/configs/rds-none-address.yaml"
    database_restore_snapshot_id = "a snapshot"
  }
  expect_failures = [var.database_restore_snapshot_id]
}

run "one_network_for_two_subnets" {
  command = plan
  variables {
    config_path    = "tests/configs/rds-none-address.yaml"
    database_cidrs = ["172.31.200.0/28"]
  }
  expect_failures = [var.database_cidrs]
}

run "authorities_over_plain_http" {
  command = plan
  variables {
    config_path = "tests/configs/rds-none-address.yaml"
    rds_ca_url  = "http://example.org/ca.pem"
  }
  expect_failures = [var.rds_ca_url]
}

run "a_vpc_of_ones_own_whose_subnets_would_be_mixed_up" {
  command = plan
  variables {
    config_path = "tests/configs/rds-none-address.yaml"
    vpc_id      = "vpc-0fedcba9876543210"
  }
  expect_failures = [aws_subnet.database["0"], aws_subnet.database["1"]]
}

run "refuses_a_proxy_image_that_can_move" {
  command = plan
  variables {
    proxy_image = "docker.io/library/caddy:2.10"
  }
  expect_failures = [var.proxy_image]
}

run "refuses_a_short_access_code" {
  command = plan
  variables {
    access_code = "1234"
  }
  expect_failures = [var.access_code]
}
