module "settings" {
  source = "./settings"

  config_path = var.config_path
  environment = var.resource_suffix
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  settings = module.settings.settings
  env      = local.settings.environment
  # What everything is called after: the environment, of a deployment with a name both.
  name   = local.settings.name
  region = local.settings.region
  ssl    = local.settings.ssl.provider

  # One allocator is a host with an address and, unless the database is RDS, all data of its own;
  # several are alike, keep nothing, and come and go.
  several = local.settings.allocators > 1
  single  = local.several ? 0 : 1
  rds     = local.settings.db.kind == "rds" ? { rds = local.settings.db } : {}

  # Client VMs carry Environment as well, but another ManagedBy: the allocator's rights tell its VMs
  # from its host by it.
  tags = merge(var.tags, local.deployment_tag, { Environment = local.env, ManagedBy = "lablink-infra" })

  deployment_tag = { for name in compact([local.settings.deployment_name]) : "Deployment" => name }

  account = data.aws_caller_identity.current.account_id
  # arn:…:ec2:REGION:ACCOUNT and so on, before the resource.
  arn = { for service in ["ec2", "ssm", "logs"] : service => "arn:${local.partition}:${service}:${local.region}:${local.account}" }

  partition = data.aws_partition.current.partition

  public_host = local.settings.dns.enabled ? local.settings.dns.domain : local.public_ip
  url         = "${local.settings.scheme}://${local.public_host}"
}
