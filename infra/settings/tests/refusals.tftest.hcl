# Files that the allocator refuses, or that would put a secret where it does not belong.
variables {
  environment = "test"
}

run "refuses_region" {
  command = plan
  variables {
    config_path = "tests/configs/bad/region.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_ssl_provider" {
  command = plan
  variables {
    config_path = "tests/configs/bad/ssl-provider.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_eip_strategy" {
  command = plan
  variables {
    config_path = "tests/configs/bad/eip-strategy.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_no_domain" {
  command = plan
  variables {
    config_path = "tests/configs/bad/no-domain.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_leading_dot" {
  command = plan
  variables {
    config_path = "tests/configs/bad/leading-dot.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_trailing_dot" {
  command = plan
  variables {
    config_path = "tests/configs/bad/trailing-dot.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_url_for_domain" {
  command = plan
  variables {
    config_path = "tests/configs/bad/url-for-domain.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_letsencrypt_without_dns" {
  command = plan
  variables {
    config_path = "tests/configs/bad/letsencrypt-without-dns.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_cloudflare_without_dns" {
  command = plan
  variables {
    config_path = "tests/configs/bad/cloudflare-without-dns.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_acm_without_dns" {
  command = plan
  variables {
    config_path = "tests/configs/bad/acm-without-dns.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_letsencrypt_without_email" {
  command = plan
  variables {
    config_path = "tests/configs/bad/letsencrypt-without-email.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_acm_without_certificate" {
  command = plan
  variables {
    config_path = "tests/configs/bad/acm-without-certificate.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_certificate_elsewhere" {
  command = plan
  variables {
    config_path = "tests/configs/bad/certificate-elsewhere.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_cloudflare_in_route53" {
  command = plan
  variables {
    config_path = "tests/configs/bad/cloudflare-in-route53.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_image_tag" {
  command = plan
  variables {
    config_path = "tests/configs/bad/image-tag.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_bucket_placeholder" {
  command = plan
  variables {
    config_path = "tests/configs/bad/bucket-placeholder.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_script_missing" {
  command = plan
  variables {
    config_path = "tests/configs/bad/script-missing.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_script_is_a_folder" {
  command = plan
  variables {
    config_path = "tests/configs/bad/script-is-a-folder.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_real_admin_password" {
  command = plan
  variables {
    config_path = "tests/configs/bad/real-admin-password.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_real_database_password" {
  command = plan
  variables {
    config_path = "tests/configs/bad/real-database-password.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_password_hash" {
  command = plan
  variables {
    config_path = "tests/configs/bad/password-hash.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_db_kind" {
  command = plan
  variables {
    config_path = "tests/configs/bad/db-kind.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_db_name" {
  command = plan
  variables {
    config_path = "tests/configs/bad/db-name.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_db_host" {
  command = plan
  variables {
    config_path = "tests/configs/bad/db-host.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_db_port" {
  command = plan
  variables {
    config_path = "tests/configs/bad/db-port.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_db_sslmode" {
  command = plan
  variables {
    config_path = "tests/configs/bad/db-sslmode.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_db_sslrootcert" {
  command = plan
  variables {
    config_path = "tests/configs/bad/db-sslrootcert.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_no_allocators" {
  command = plan
  variables {
    config_path = "tests/configs/bad/no-allocators.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_half_an_allocator" {
  command = plan
  variables {
    config_path = "tests/configs/bad/half-an-allocator.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_several_embedded" {
  command = plan
  variables {
    config_path = "tests/configs/bad/several-embedded.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_several_without_balancer" {
  command = plan
  variables {
    config_path = "tests/configs/bad/several-without-balancer.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_several_letsencrypt" {
  command = plan
  variables {
    config_path = "tests/configs/bad/several-letsencrypt.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_several_persistent" {
  command = plan
  variables {
    config_path = "tests/configs/bad/several-persistent.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_several_whose_state_each_would_keep_for_itself" {
  command = plan
  variables {
    config_path = "tests/configs/several.yaml"
    environment = "dev"
  }
  expect_failures = [output.settings]
}

run "refuses_an_environment_that_cannot_name_a_database" {
  command = plan
  variables {
    config_path = "tests/configs/several.yaml"
    environment = "a--b"
  }
  expect_failures = [output.settings]
}

run "refuses_an_environment_in_capitals" {
  command = plan
  variables {
    config_path = "tests/configs/empty.yaml"
    environment = "Prod"
  }
  expect_failures = [var.environment]
}

run "refuses_an_environment_too_long_for_a_load_balancer" {
  command = plan
  variables {
    config_path = "tests/configs/empty.yaml"
    environment = "aaaaaaaaaaaaaaaaaaaaa"
  }
  expect_failures = [var.environment]
}

run "refuses_an_environment_that_ends_with_a_dash" {
  command = plan
  variables {
    config_path = "tests/configs/empty.yaml"
    environment = "prod-"
  }
  expect_failures = [var.environment]
}

run "refuses_real_access_code" {
  command = plan
  variables {
    config_path = "tests/configs/bad/real-access-code.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_machine_type" {
  command = plan
  variables {
    config_path = "tests/configs/bad/machine-type.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_deployment_name" {
  command = plan
  variables {
    config_path = "tests/configs/bad/deployment-name.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_deployment_name_too_long" {
  command = plan
  variables {
    config_path = "tests/configs/bad/deployment-name-too-long.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_other_machine_types" {
  command = plan
  variables {
    config_path = "tests/configs/bad/other-machine-types.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_kms_key" {
  command = plan
  variables {
    config_path = "tests/configs/bad/kms-key.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_role_arn" {
  command = plan
  variables {
    config_path = "tests/configs/bad/role-arn.yaml"
  }
  expect_failures = [output.settings]
}

run "refuses_plain_http_in_prod" {
  command = plan
  variables {
    config_path = "tests/configs/empty.yaml"
    environment = "prod"
  }
  expect_failures = [output.settings]
}
