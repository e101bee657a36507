# What the allocator's module terraform/aws must know of this account and config.yaml does not say.
# Terraform merges a file *_override.tf over the module's own variables.
locals {
  client_variables = merge(
    { permissions_boundary_arn = aws_iam_policy.client_boundary.arn },
    { for name in compact([local.settings.deployment_name]) : "deployment_name" => name },
    { for name, value in { owner = "Owner", cost_center = "CostCenter" } : name => var.tags[value] if can(var.tags[value]) },
    # Hosts that come and go have no lasting public address, and VMs without a public address can't be
    # reached from one: then by private ones, by group.
    local.several || !local.settings.assign_public_ip ? { allocator_security_group_id = aws_security_group.host.id } : {},
    var.vpc_id == null ? {} : { vpc_id = var.vpc_id },
    length(var.subnet_ids) == 0 ? {} : { subnet_ids = var.subnet_ids },
  )
  module_override = join("\n", [
    for name, value in local.client_variables : <<-HCL
      variable "${name}" {
        default = ${jsonencode(value)}
      }
    HCL
  ])
}
