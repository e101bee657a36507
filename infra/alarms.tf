# Only with var.alarm_topic_arn.
locals {
  possible_alarms = merge(
    {
      host = {
        text       = "The host fails AWS's status checks"
        namespace  = "AWS/EC2"
        metric     = "StatusCheckFailed"
        statistic  = "Maximum"
        dimensions = { InstanceId = aws_instance.host.id }
        no_data    = "breaching"
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
        text      = "The load balancer finds the allocator not ready"
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
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.possible_alarms : name => alarm if var.alarm_topic_arn != null }

  alarm_name          = "lablink-${each.key}-${local.env}"
  alarm_description   = each.value.text
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.dimensions
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  treat_missing_data  = each.value.no_data
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}
