# Every combination of the name and the address that ssl.provider: letsencrypt allows.
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
}

run "letsencrypt_route53_dynamic" {
  variables {
    config_path = "tests/configs/letsencrypt-route53-dynamic.yaml"
  }

  assert {
    condition     = output.allocator_url == "https://lablink.example.org" && output.allocator_fqdn == "lablink.example.org" && output.ec2_public_ip == "203.0.113.10"
    error_message = "The URL must be https://lablink.example.org, at 203.0.113.10."
  }
  assert {
    condition     = length(aws_eip.host) == 1 && length(data.aws_eip.persistent) == 0 && aws_eip_association.host[0].allocation_id == "eipalloc-dynamic"
    error_message = "The address must be the dynamic one."
  }
  assert {
    condition     = aws_route53_record.allocator[0].zone_id == "ZEXAMPLE" && aws_route53_record.allocator[0].name == "lablink.example.org" && one(aws_route53_record.allocator[0].records) == "203.0.113.10"
    error_message = "The record must point to 203.0.113.10."
  }
  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.host : rule.from_port]) == toset([80, 443]) && alltrue([for rule in aws_vpc_security_group_ingress_rule.host : rule.cidr_ipv4 == "0.0.0.0/0"])
    error_message = "The host must be open on [80, 443]."
  }
  assert {
    condition     = length(aws_lb.allocator) == 0 && output.alb_dns_name == "N/A" && length(aws_security_group.alb) == 0
    error_message = "Only ssl.provider: acm has a load balancer."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "LABLINK_LISTEN='127.0.0.1:5000'\n") && startswith(local.trusted, "127.0.0.1") && can(module.user_data.files["/etc/lablink/Caddyfile"])
    error_message = "Caddy takes the requests to the allocator, which listens for nobody else."
  }
}

run "letsencrypt_route53_persistent" {
  variables {
    config_path = "tests/configs/letsencrypt-route53-persistent.yaml"
  }

  assert {
    condition     = output.allocator_url == "https://lablink.example.org" && output.allocator_fqdn == "lablink.example.org" && output.ec2_public_ip == "198.51.100.7"
    error_message = "The URL must be https://lablink.example.org, at 198.51.100.7."
  }
  assert {
    condition     = length(aws_eip.host) == 0 && length(data.aws_eip.persistent) == 1 && aws_eip_association.host[0].allocation_id == "eipalloc-persistent"
    error_message = "The address must be the persistent one."
  }
  assert {
    condition     = aws_route53_record.allocator[0].zone_id == "ZEXAMPLE" && aws_route53_record.allocator[0].name == "lablink.example.org" && one(aws_route53_record.allocator[0].records) == "198.51.100.7"
    error_message = "The record must point to 198.51.100.7."
  }
  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.host : rule.from_port]) == toset([80, 443]) && alltrue([for rule in aws_vpc_security_group_ingress_rule.host : rule.cidr_ipv4 == "0.0.0.0/0"])
    error_message = "The host must be open on [80, 443]."
  }
  assert {
    condition     = length(aws_lb.allocator) == 0 && output.alb_dns_name == "N/A" && length(aws_security_group.alb) == 0
    error_message = "Only ssl.provider: acm has a load balancer."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "LABLINK_LISTEN='127.0.0.1:5000'\n") && startswith(local.trusted, "127.0.0.1") && can(module.user_data.files["/etc/lablink/Caddyfile"])
    error_message = "Caddy takes the requests to the allocator, which listens for nobody else."
  }
}

run "letsencrypt_dns_dynamic" {
  variables {
    config_path = "tests/configs/letsencrypt-dns-dynamic.yaml"
  }

  assert {
    condition     = output.allocator_url == "https://lablink.example.org" && output.allocator_fqdn == "lablink.example.org" && output.ec2_public_ip == "203.0.113.10"
    error_message = "The URL must be https://lablink.example.org, at 203.0.113.10."
  }
  assert {
    condition     = length(aws_eip.host) == 1 && length(data.aws_eip.persistent) == 0 && aws_eip_association.host[0].allocation_id == "eipalloc-dynamic"
    error_message = "The address must be the dynamic one."
  }
  assert {
    condition     = length(aws_route53_record.allocator) == 0
    error_message = "The record is not ours to make."
  }
  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.host : rule.from_port]) == toset([80, 443]) && alltrue([for rule in aws_vpc_security_group_ingress_rule.host : rule.cidr_ipv4 == "0.0.0.0/0"])
    error_message = "The host must be open on [80, 443]."
  }
  assert {
    condition     = length(aws_lb.allocator) == 0 && output.alb_dns_name == "N/A" && length(aws_security_group.alb) == 0
    error_message = "Only ssl.provider: acm has a load balancer."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "LABLINK_LISTEN='127.0.0.1:5000'\n") && startswith(local.trusted, "127.0.0.1") && can(module.user_data.files["/etc/lablink/Caddyfile"])
    error_message = "Caddy takes the requests to the allocator, which listens for nobody else."
  }
}

run "letsencrypt_dns_persistent" {
  variables {
    config_path = "tests/configs/letsencrypt-dns-persistent.yaml"
  }

  assert {
    condition     = output.allocator_url == "https://lablink.example.org" && output.allocator_fqdn == "lablink.example.org" && output.ec2_public_ip == "198.51.100.7"
    error_message = "The URL must be https://lablink.example.org, at 198.51.100.7."
  }
  assert {
    condition     = length(aws_eip.host) == 0 && length(data.aws_eip.persistent) == 1 && aws_eip_association.host[0].allocation_id == "eipalloc-persistent"
    error_message = "The address must be the persistent one."
  }
  assert {
    condition     = length(aws_route53_record.allocator) == 0
    error_message = "The record is not ours to make."
  }
  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.host : rule.from_port]) == toset([80, 443]) && alltrue([for rule in aws_vpc_security_group_ingress_rule.host : rule.cidr_ipv4 == "0.0.0.0/0"])
    error_message = "The host must be open on [80, 443]."
  }
  assert {
    condition     = length(aws_lb.allocator) == 0 && output.alb_dns_name == "N/A" && length(aws_security_group.alb) == 0
    error_message = "Only ssl.provider: acm has a load balancer."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "LABLINK_LISTEN='127.0.0.1:5000'\n") && startswith(local.trusted, "127.0.0.1") && can(module.user_data.files["/etc/lablink/Caddyfile"])
    error_message = "Caddy takes the requests to the allocator, which listens for nobody else."
  }
}
