# What the allocator has made in this account and has not taken away. Planned by `check`, before
# anything of the deployment is destroyed.
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

variable "region" {
  description = "Where the deployment is."
  type        = string
}

variable "environment" {
  description = "The deployment's environment."
  type        = string
}

variable "deployment_name" {
  description = "Its name among others of the account; empty: none."
  type        = string
}

provider "aws" {
  region = var.region
}

locals {
  tags = merge(
    { Environment = var.environment, ManagedBy = "lablink-allocator" },
    { for name in compact([var.deployment_name]) : "Deployment" => name },
  )
}

data "aws_instances" "clients" {
  instance_tags        = local.tags
  instance_state_names = ["pending", "running", "stopping", "stopped"]
}

# Made and removed together with the role that carries the deployment's boundary.
data "aws_security_groups" "clients" {
  tags = local.tags
}

# Of a deployment without a name only what has no name either; the tag's absence can't be asked for.
data "aws_instances" "named" {
  count = var.deployment_name == "" ? 1 : 0

  instance_tags        = merge(local.tags, { Deployment = "*" })
  instance_state_names = ["pending", "running", "stopping", "stopped"]
}

data "aws_security_groups" "named" {
  count = var.deployment_name == "" ? 1 : 0

  tags = merge(local.tags, { Deployment = "*" })
}

locals {
  others    = concat(flatten(data.aws_instances.named[*].ids), flatten(data.aws_security_groups.named[*].ids))
  instances = [for id in data.aws_instances.clients.ids : id if !contains(local.others, id)]
  groups    = [for id in data.aws_security_groups.clients.ids : id if !contains(local.others, id)]
}

output "left" {
  description = "Ids of what is left."
  value       = concat(local.instances, local.groups)

  precondition {
    condition     = length(local.instances) == 0
    error_message = "${length(local.instances)} VMs of this deployment still exist (${join(", ", local.instances)}). Without the allocator nobody would remove them, and they cost: destroy them first, with `lablink destroy` or on LabLink's page Destroy, then destroy this."
  }
  precondition {
    condition     = length(local.instances) > 0 || length(local.groups) == 0
    error_message = "The VMs are gone, but not what they shared (${join(", ", local.groups)}, a key pair and a role): destroy it first, with `lablink destroy`, or by a last destroy on LabLink's page, then destroy this."
  }
}
