# Which zone of Route 53 gets the record. That private zones are left out can't be shown: a mock
# leaves private_zone null.
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

run "the_zone_that_the_name_lies_deepest_in" {
  variables {
    config_path = "tests/configs/none-route53-dynamic.yaml"
  }
  override_data {
    target = data.aws_route53_zones.all
    values = { ids = ["ZTOP", "ZDEEP", "ZOTHER"] }
  }
  override_data {
    target = data.aws_route53_zone.candidate["ZTOP"]
    values = { zone_id = "ZTOP", name = "example.org" }
  }
  override_data {
    target = data.aws_route53_zone.candidate["ZDEEP"]
    values = { zone_id = "ZDEEP", name = "lablink.example.org." }
  }
  override_data {
    target = data.aws_route53_zone.candidate["ZOTHER"]
    values = { zone_id = "ZOTHER", name = "link.example.org" }
  }

  assert {
    condition     = aws_route53_record.allocator[0].zone_id == "ZDEEP"
    error_message = "A sub-domain with a zone of its own goes there; half a label is no sub-domain."
  }
}

run "a_zone_id_in_the_configuration_spares_the_look_up" {
  variables {
    config_path = "tests/configs/other/zone-id.yaml"
  }

  assert {
    condition     = aws_route53_record.allocator[0].zone_id == "Z0123456789" && length(data.aws_route53_zones.all) == 0
    error_message = "dns.zone_id must be taken as it is."
  }
}

run "a_name_in_no_zone_is_refused" {
  command = plan
  variables {
    config_path = "tests/configs/none-route53-dynamic.yaml"
  }
  override_data {
    target = data.aws_route53_zone.candidate["ZEXAMPLE"]
    values = { zone_id = "ZEXAMPLE", name = "example.com" }
  }
  expect_failures = [aws_route53_record.allocator]
}
