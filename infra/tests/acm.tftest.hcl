# Every combination of the name and the address that ssl.provider: acm allows.
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

run "acm_route53_dynamic" {
  variables {
    config_path = "tests/configs/acm-route53-dynamic.yaml"
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
    condition     = aws_route53_record.allocator[0].zone_id == "ZEXAMPLE" && aws_route53_record.allocator[0].name == "lablink.example.org" && one(aws_route53_record.allocator[0].alias).zone_id == "ZLOADBALANCER"
    error_message = "The record must point to the load balancer."
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.host) == 0 && aws_vpc_security_group_ingress_rule.host_from_alb["acm"].from_port == 5000 && aws_vpc_security_group_ingress_rule.host_from_alb["acm"].cidr_ipv4 == null
    error_message = "Only the load balancer may reach the host, on the allocator's own port."
  }
  assert {
    condition     = aws_lb.allocator["acm"].idle_timeout == 3600 && aws_lb_target_group.allocator["acm"].port == 5000 && aws_lb_listener.https["acm"].port == 443 && output.alb_dns_name == "lablink-alb.us-west-2.elb.amazonaws.com"
    error_message = "The load balancer ends TLS and lets waiting agents wait."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "LABLINK_LISTEN='0.0.0.0:5000'\n") && local.trusted == "172.31.0.0/20" && !can(module.user_data.files["/etc/lablink/Caddyfile"])
    error_message = "Without Caddy, the allocator itself listens for the load balancer."
  }
}

run "acm_route53_persistent" {
  variables {
    config_path = "tests/configs/acm-route53-persistent.yaml"
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
    condition     = aws_route53_record.allocator[0].zone_id == "ZEXAMPLE" && aws_route53_record.allocator[0].name == "lablink.example.org" && one(aws_route53_record.allocator[0].alias).zone_id == "ZLOADBALANCER"
    error_message = "The record must point to the load balancer."
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.host) == 0 && aws_vpc_security_group_ingress_rule.host_from_alb["acm"].from_port == 5000 && aws_vpc_security_group_ingress_rule.host_from_alb["acm"].cidr_ipv4 == null
    error_message = "Only the load balancer may reach the host, on the allocator's own port."
  }
  assert {
    condition     = aws_lb.allocator["acm"].idle_timeout == 3600 && aws_lb_target_group.allocator["acm"].port == 5000 && aws_lb_listener.https["acm"].port == 443 && output.alb_dns_name == "lablink-alb.us-west-2.elb.amazonaws.com"
    error_message = "The load balancer ends TLS and lets waiting agents wait."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "LABLINK_LISTEN='0.0.0.0:5000'\n") && local.trusted == "172.31.0.0/20" && !can(module.user_data.files["/etc/lablink/Caddyfile"])
    error_message = "Without Caddy, the allocator itself listens for the load balancer."
  }
}

run "acm_dns_dynamic" {
  variables {
    config_path = "tests/configs/acm-dns-dynamic.yaml"
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
    condition     = length(aws_vpc_security_group_ingress_rule.host) == 0 && aws_vpc_security_group_ingress_rule.host_from_alb["acm"].from_port == 5000 && aws_vpc_security_group_ingress_rule.host_from_alb["acm"].cidr_ipv4 == null
    error_message = "Only the load balancer may reach the host, on the allocator's own port."
  }
  assert {
    condition     = aws_lb.allocator["acm"].idle_timeout == 3600 && aws_lb_target_group.allocator["acm"].port == 5000 && aws_lb_listener.https["acm"].port == 443 && output.alb_dns_name == "lablink-alb.us-west-2.elb.amazonaws.com"
    error_message = "The load balancer ends TLS and lets waiting agents wait."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "LABLINK_LISTEN='0.0.0.0:5000'\n") && local.trusted == "172.31.0.0/20" && !can(module.user_data.files["/etc/lablink/Caddyfile"])
    error_message = "Without Caddy, the allocator itself listens for the load balancer."
  }
}

run "acm_dns_persistent" {
  variables {
    config_path = "tests/configs/acm-dns-persistent.yaml"
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
    condition     = length(aws_vpc_security_group_ingress_rule.host) == 0 && aws_vpc_security_group_ingress_rule.host_from_alb["acm"].from_port == 5000 && aws_vpc_security_group_ingress_rule.host_from_alb["acm"].cidr_ipv4 == null
    error_message = "Only the load balancer may reach the host, on the allocator's own port."
  }
  assert {
    condition     = aws_lb.allocator["acm"].idle_timeout == 3600 && aws_lb_target_group.allocator["acm"].port == 5000 && aws_lb_listener.https["acm"].port == 443 && output.alb_dns_name == "lablink-alb.us-west-2.elb.amazonaws.com"
    error_message = "The load balancer ends TLS and lets waiting agents wait."
  }
  assert {
    condition     = strcontains(module.user_data.files["/etc/lablink/host.env"], "LABLINK_LISTEN='0.0.0.0:5000'\n") && local.trusted == "172.31.0.0/20" && !can(module.user_data.files["/etc/lablink/Caddyfile"])
    error_message = "Without Caddy, the allocator itself listens for the load balancer."
  }
}

run "a_vm_beside_the_load_balancer_can_not_say_that_another_called" {
  variables {
    config_path = "tests/configs/acm-dns-dynamic.yaml"
  }

  assert {
    condition     = yamldecode(module.user_data.files["/etc/lablink/config/config.yaml"]).proxy == { hops = 1, trusted = "172.31.0.0/20" }
    error_message = "Only the load balancer's subnets are believed, and only the line that it writes."
  }
  assert {
    condition     = toset(keys(data.aws_subnet.balancer)) == toset(["subnet-aaaa", "subnet-bbbb"])
    error_message = "Its subnets are those that it is made in."
  }
}
