# Destroyed before everything else: where the allocator's VMs still exist it fails, and the host that
# could remove them stays.
resource "terraform_data" "no_vms_left" {
  input = {
    region      = local.region
    environment = local.env
    deployment  = local.settings.deployment_name
    abandon_vms = var.abandon_vms
  }

  provisioner "local-exec" {
    when    = destroy
    command = "way-down/check"
    environment = {
      WAY_DOWN_REGION      = self.input.region
      WAY_DOWN_ENVIRONMENT = self.input.environment
      WAY_DOWN_DEPLOYMENT  = self.input.deployment
      WAY_DOWN_ABANDON     = self.input.abandon_vms
    }
  }

  # All that nothing else here waits for.
  depends_on = [
    aws_autoscaling_group.hosts,
    aws_cloudwatch_log_subscription_filter.forwarder,
    aws_cloudwatch_metric_alarm.this,
    aws_dlm_lifecycle_policy.data,
    aws_eip_association.host,
    aws_iam_role_policy.host,
    aws_iam_role_policy.snapshots,
    aws_lb_listener.http,
    aws_lb_listener.https,
    aws_lb_target_group_attachment.allocator,
    aws_route53_record.allocator,
    aws_ssm_parameter.rds_password,
    aws_ssm_parameter.secret,
    aws_volume_attachment.data,
    aws_vpc_security_group_egress_rule.alb_to_host,
    aws_vpc_security_group_egress_rule.host,
    aws_vpc_security_group_egress_rule.host_to_database,
    aws_vpc_security_group_ingress_rule.alb,
    aws_vpc_security_group_ingress_rule.database,
    aws_vpc_security_group_ingress_rule.host,
    aws_vpc_security_group_ingress_rule.host_from_alb,
  ]
}
