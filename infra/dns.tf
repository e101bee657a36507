# The zone is the longest public one that the name lies in: sub-domains of any depth find theirs.
data "aws_route53_zones" "all" {
  count = local.settings.route53_record && local.settings.dns.zone_id == "" ? 1 : 0
}

data "aws_route53_zone" "candidate" {
  for_each = toset(flatten(data.aws_route53_zones.all[*].ids))

  zone_id = each.key
}

locals {
  zones = {
    for zone in data.aws_route53_zone.candidate : format("%03d", length(zone.name)) => zone.zone_id...
    if zone.private_zone != true && endswith(".${lower(local.settings.dns.domain)}", ".${trimsuffix(zone.name, ".")}")
  }
  found_zone_id = length(local.zones) > 0 ? local.zones[reverse(sort(keys(local.zones)))[0]][0] : ""
  zone_id       = local.settings.dns.zone_id != "" ? local.settings.dns.zone_id : local.found_zone_id
  record_kind   = local.ssl == "acm" ? "load balancer" : "address"
}

resource "aws_route53_record" "allocator" {
  count = local.settings.route53_record ? 1 : 0

  zone_id = local.zone_id
  name    = local.settings.dns.domain
  type    = "A"
  ttl     = local.record_kind == "address" ? 300 : null
  records = local.record_kind == "address" ? [local.public_ip] : null

  dynamic "alias" {
    for_each = aws_lb.allocator

    content {
      name                   = alias.value.dns_name
      zone_id                = alias.value.zone_id
      evaluate_target_health = true
    }
  }

  lifecycle {
    precondition {
      condition     = local.zone_id != ""
      error_message = "No public zone of Route 53 holds dns.domain ${local.settings.dns.domain}: make the zone, set dns.zone_id, or set dns.terraform_managed: false and make the record elsewhere."
    }
  }
}
