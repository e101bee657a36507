# Only with var.alarm_topic_arn.
locals {
  # Each is raised at its threshold, for three minutes of five; those without one at 1.
  possible_alarms = merge(
    {
      host = {
        text      = "A host fails AWS's status checks"
        namespace = "AWS/EC2"
        metric    = "StatusCheckFailed"
        statistic = "Maximum"
        dimensions = local.several ? { AutoScalingGroupName = aws_autoscaling_group.hosts[0].name } : {
          InstanceId = aws_instance.host[0].id
        }
        no_data = "breaching"
      }
      forwarder = {
        text       = "Log lines of VMs do not reach the allocator"
        namespace  = "AWS/Lambda"
        metric     = "Errors"
        statistic  = "Sum"
        dimensions = { FunctionName = aws_lambda_function.forwarder.function_name }
        no_data    = "notBreaching"
      }
    },
    {
      for key in keys(local.acm) : "allocator" => {
        text      = "The load balancer finds an allocator not ready"
        namespace = "AWS/ApplicationELB"
        metric    = "UnHealthyHostCount"
        statistic = "Maximum"
        dimensions = {
          LoadBalancer = aws_lb.allocator[key].arn_suffix
          TargetGroup  = aws_lb_target_group.allocator[key].arn_suffix
        }
        no_data = "breaching"
      }
    },
    {
      for name, alarm in local.database_alarms : "database-${name}" => merge(alarm, {
        namespace  = "AWS/RDS"
        statistic  = "Average"
        dimensions = { DBInstanceIdentifier = aws_db_instance.allocator["rds"].identifier }
        no_data    = "breaching"
      }) if length(local.rds) > 0
    },
  )
  database_alarms = {
    storage = {
      text       = "The database has less than 4 GiB left"
      metric     = "FreeStorageSpace"
      comparison = "LessThanOrEqualToThreshold"
      threshold  = 4 * 1024 * 1024 * 1024
    }
    cpu = {
      text      = "The database's processors are busy, in per cent"
      metric    = "CPUUtilization"
      threshold = 80
    }
    # An allocator holds 18 at most, and for a moment there are twice as many allocators.
    connections = {
      text      = "The database has more connections than the allocators should hold"
      metric    = "DatabaseConnections"
      threshold = 20 + 40 * local.settings.allocators
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.possible_alarms : name => alarm if var.alarm_topic_arn != null }

  alarm_name          = "lablink-${each.key}-${local.name}"
  alarm_description   = each.value.text
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.dimensions
  comparison_operator = try(each.value.comparison, "GreaterThanOrEqualToThreshold")
  threshold           = try(each.value.threshold, 1)
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  treat_missing_data  = each.value.no_data
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}
