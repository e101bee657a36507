# What everything is called: after its environment, in front of it the deployment's name and behind it
# the pool, where there are such. None of the three can hold the `_` or `.` between them, so that no
# two deployments or pools ever mean the same name.

locals {
  environment = join("_", compact([var.deployment_name, var.resource_suffix]))
  suffix      = join(".", compact([local.environment, var.pool]))

  # IAM's limit for a role's name is 64 characters. The allocator's rights name all up to the pool.
  role_name_limit = 64
  whole_role_name = "lablink_cloud_watch_agent_role_${local.suffix}"
  role_name = length(local.whole_role_name) <= local.role_name_limit ? local.whole_role_name : join("-", [
    substr(local.whole_role_name, 0, local.role_name_limit - 9), substr(sha1(local.whole_role_name), 0, 8),
  ])
}
