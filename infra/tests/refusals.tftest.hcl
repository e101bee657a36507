# What is refused before AWS is asked.
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
  expect_failures = [var.log_forwarder_zip]
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
