# Several allocators: hosts that are all alike and keep nothing. A group, and not so many instances,
# because it brings in new settings one host after the other, and replaces a host that is lost.
resource "aws_launch_template" "hosts" {
  count = local.several ? 1 : 0

  name                   = local.host_name
  image_id               = local.ami_id
  instance_type          = var.instance_type
  user_data              = module.user_data.user_data_base64
  ebs_optimized          = true
  update_default_version = true

  iam_instance_profile {
    name = aws_iam_instance_profile.host.name
  }

  # The way out: nothing comes in from outside, for the group admits the load balancer alone.
  network_interfaces {
    #checkov:skip=CKV_AWS_88:without a NAT gateway, it is how a host in a public subnet reaches AWS and the registries
    associate_public_ip_address = true
    security_groups             = [aws_security_group.host.id]
    delete_on_termination       = true
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  monitoring {
    enabled = true
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type = "gp3"
      volume_size = 30
      encrypted   = true
    }
  }

  # As with the one host.
  lifecycle {
    ignore_changes = [image_id]
  }
}

resource "aws_autoscaling_group" "hosts" {
  count = local.several ? 1 : 0

  name                = local.host_name
  min_size            = local.settings.allocators
  desired_capacity    = local.settings.allocators
  max_size            = local.settings.allocators + 1
  vpc_zone_identifier = local.subnet_ids
  target_group_arns   = [aws_lb_target_group.allocator["acm"].arn]

  # Not ELB: while the database is away no allocator is ready, and all hosts would be replaced.
  health_check_type         = "EC2"
  health_check_grace_period = 300

  launch_template {
    id      = aws_launch_template.hosts[0].id
    version = aws_launch_template.hosts[0].latest_version
  }

  # Five minutes for a new host before an old one goes.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 150
      instance_warmup        = 300
    }
  }

  # The provider's own tags stop at the group.
  dynamic "tag" {
    for_each = merge(local.tags, { Name = local.host_name })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  # As with the one host.
  depends_on = [aws_iam_role_policy.host, aws_ssm_parameter.secret, aws_ssm_parameter.rds_password]
}
