variables {
  environment = "test"
}

run "the_defaults_are_the_allocators" {
  command = plan
  variables {
    config_path = "tests/configs/empty.yaml"
  }
  assert {
    condition = output.settings.region == "us-west-2" && output.settings.image_tag == "linux-amd64-latest" && output.settings.bucket_name == "tf-state-lablink-allocator-bucket" && output.settings.dns == {
      enabled                                = false, terraform_managed = true, domain = "", zone_id = ""
      } && output.settings.eip == { strategy = "dynamic", tag_name = "lablink-eip" } && output.settings.ssl == {
      provider                               = "none", plain_http = false, email = "", certificate_arn = ""
    }
    error_message = "An absent key must mean what the allocator takes it for."
  }
  assert {
    condition     = output.settings.scheme == "http" && !output.settings.route53_record && output.settings.startup_script == ""
    error_message = "Without a name there is neither TLS nor a record."
  }
}

run "one_allocator_has_its_own_database" {
  command = plan
  variables {
    config_path = "tests/configs/empty.yaml"
  }
  assert {
    condition     = output.settings.allocators == 1 && output.settings.db == { kind = "embedded", dbname = "lablink_db", user = "lablink" }
    error_message = "Without db and allocator, the one allocator runs its own database."
  }
}

run "several_allocators_share_one" {
  command = plan
  variables {
    config_path = "tests/configs/several.yaml"
  }
  assert {
    condition     = output.settings.allocators == 3 && output.settings.db.kind == "rds" && output.settings.db.dbname == "class" && output.settings.db.user == "teacher"
    error_message = "Three allocators on RDS behind a load balancer are allowed."
  }
}

run "only_dev_may_keep_state_on_the_host" {
  command = plan
  variables {
    config_path = "tests/configs/empty.yaml"
    environment = "dev"
  }
  assert {
    condition     = !output.settings.remote_client_state
    error_message = "dev keeps its VMs' state on the host."
  }
}

run "texts_that_hold_a_switch_count_as_one" {
  command = plan
  variables {
    config_path = "tests/configs/quoted.yaml"
  }
  assert {
    condition     = output.settings.dns.enabled && !output.settings.dns.terraform_managed && !output.settings.route53_record
    error_message = "The allocator takes \"true\" for true."
  }
}

run "the_startup_script_is_found_above_the_configuration" {
  command = plan
  variables {
    config_path = "tests/configs/script.yaml"
  }
  assert {
    condition     = startswith(output.settings.startup_script, "#!/bin/sh")
    error_message = "The script's text must reach the host."
  }
}

run "a_missing_file_is_told" {
  command = plan
  variables {
    config_path = "tests/configs/absent.yaml"
  }
  expect_failures = [var.config_path]
}

run "plain_http_in_prod_is_a_choice" {
  command = plan
  variables {
    config_path = "tests/configs/plain-http.yaml"
    environment = "prod"
  }
  assert {
    condition     = output.settings.scheme == "http"
    error_message = "Who says that everybody may read it may have it."
  }
}
