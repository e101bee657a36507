resource "aws_security_group" "alb" {
  #checkov:skip=CKV2_AWS_5:attached to aws_lb.allocator, whose for_each checkov does not follow
  for_each = local.acm

  name        = "lablink-alb-sg-${local.name}"
  description = "LabLink load balancer ${local.name}"
  vpc_id      = data.aws_vpc.host.id
  tags        = { Name = "lablink-alb-${local.name}" }
}

resource "aws_vpc_security_group_ingress_rule" "alb" {
  #checkov:skip=CKV_AWS_260:port 80 only sends callers to HTTPS
  for_each = { for name, port in { http = 80, https = 443 } : name => port if local.ssl == "acm" }

  security_group_id = aws_security_group.alb["acm"].id
  description       = each.key
  cidr_ipv4         = local.everyone
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

resource "aws_vpc_security_group_egress_rule" "alb_to_host" {
  for_each = local.acm

  security_group_id            = aws_security_group.alb[each.key].id
  description                  = "to the allocator"
  referenced_security_group_id = aws_security_group.host.id
  ip_protocol                  = "tcp"
  from_port                    = local.allocator_port
  to_port                      = local.allocator_port
}

resource "aws_vpc_security_group_ingress_rule" "host_from_alb" {
  for_each = local.acm

  security_group_id            = aws_security_group.host.id
  description                  = "from the load balancer"
  referenced_security_group_id = aws_security_group.alb[each.key].id
  ip_protocol                  = "tcp"
  from_port                    = local.allocator_port
  to_port                      = local.allocator_port
}
