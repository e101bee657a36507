# What may reach the host depends on who ends TLS.
locals {
  everyone = "0.0.0.0/0"

  # Participants, VMs and the log forwarder call from anywhere.
  open_ports = {
    none        = { http = 80 }
    letsencrypt = { http = 80, https = 443 }
    cloudflare  = {}
    acm         = {}
  }
  web_ingress = merge(
    { for name, port in local.open_ports[local.ssl] : name => { port = port, cidr = local.everyone } },
    { for cidr in var.cloudflare_networks : "cloudflare ${cidr}" => { port = 443, cidr = cidr } if local.ssl == "cloudflare" },
    { for cidr in var.ssh_cidrs : "ssh ${cidr}" => { port = 22, cidr = cidr } },
  )

  egress = {
    "to AWS, the image registries and the certificate authority" = 443
    "to VMs, for results (SSH)"                                  = 22
  }
}

resource "aws_security_group" "host" {
  #checkov:skip=CKV2_AWS_5:attached to aws_instance.host and aws_launch_template.hosts, beside the module that checkov loses it in
  name        = "lablink-allocator-${local.name}"
  description = "LabLink allocator ${local.name}"
  vpc_id      = data.aws_vpc.host.id
  tags        = { Name = "lablink-allocator-${local.name}" }
}

resource "aws_vpc_security_group_ingress_rule" "host" {
  #checkov:skip=CKV_AWS_260:port 80 is the page itself without TLS, and what Let's Encrypt calls
  for_each = local.web_ingress

  security_group_id = aws_security_group.host.id
  description       = each.key
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "host" {
  for_each = local.egress

  security_group_id = aws_security_group.host.id
  description       = each.key
  cidr_ipv4         = local.everyone
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}
