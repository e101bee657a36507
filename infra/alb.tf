# ssl.provider: acm. Everything here is there once or not at all.
locals {
  acm = local.ssl == "acm" ? { acm = local.settings.ssl.certificate_arn } : {}
}

resource "aws_lb" "allocator" {
  #checkov:skip=CKV_AWS_91:access logs hold participants' addresses and claim links; the allocator logs requests without them
  #checkov:skip=CKV2_AWS_28:the allocator limits requests itself; a WAF costs more than the rest of a small deployment
  #checkov:skip=CKV_AWS_150:var.termination_protection decides, so that test deployments can be destroyed
  for_each = local.acm

  name                       = "lablink-alb-${local.name}"
  load_balancer_type         = "application"
  internal                   = false
  security_groups            = [aws_security_group.alb[each.key].id]
  subnets                    = local.subnet_ids
  drop_invalid_header_fields = true
  enable_deletion_protection = var.termination_protection

  # In seconds. LabLink's agents hold a request for less than the 60 s that are the default here;
  # the original's clients hold one until their VM is claimed, and live pages stay open.
  idle_timeout = 3600

  lifecycle {
    precondition {
      condition     = length(local.subnet_ids) >= 2
      error_message = "ssl.provider: acm needs two subnets in different availability zones: a load balancer does not start with one. Set subnet_ids."
    }
  }
}

resource "aws_lb_target_group" "allocator" {
  #checkov:skip=CKV_AWS_378:plain HTTP inside the VPC, from the load balancer's security group only
  for_each = local.acm

  name                 = "lablink-tg-${local.name}"
  vpc_id               = data.aws_vpc.host.id
  port                 = local.allocator_port
  protocol             = "HTTP"
  deregistration_delay = "30"

  health_check {
    path                = "/readyz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

# Several join by their group.
resource "aws_lb_target_group_attachment" "allocator" {
  for_each = local.several ? {} : local.acm

  target_group_arn = aws_lb_target_group.allocator[each.key].arn
  target_id        = aws_instance.host[0].id
  port             = local.allocator_port
}

resource "aws_lb_listener" "https" {
  for_each = local.acm

  load_balancer_arn = aws_lb.allocator[each.key].arn
  port              = 443
  protocol          = "HTTPS"
  certificate_arn   = each.value
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.allocator[each.key].arn
  }
}

resource "aws_lb_listener" "http" {
  for_each = local.acm

  load_balancer_arn = aws_lb.allocator[each.key].arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}
