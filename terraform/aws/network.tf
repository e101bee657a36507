# Where the VMs are, and who may reach them.

data "aws_subnet" "given" {
  for_each = toset(var.subnet_ids)
  id       = each.key

  lifecycle {
    postcondition {
      condition     = var.vpc_id == null || self.vpc_id == var.vpc_id
      error_message = "Subnet ${each.key} is not in the VPC that vpc_id names."
    }
  }
}

data "aws_vpc" "found" {
  count   = length(var.subnet_ids) == 0 ? 1 : 0
  id      = var.vpc_id
  default = var.vpc_id == null ? true : null
}

data "aws_ec2_instance_type_offerings" "by_zone" {
  for_each      = toset(concat([var.machine_type], var.other_machine_types))
  location_type = "availability-zone"

  filter {
    name   = "instance-type"
    values = [each.key]
  }

  lifecycle {
    postcondition {
      condition     = each.key != var.machine_type || length(self.locations) > 0
      error_message = "No zone of ${var.region} offers ${var.machine_type}: choose another machine type or region."
    }
    postcondition {
      condition     = each.key != var.machine_type || length(setsubtract(var.availability_zones, self.locations)) == 0
      error_message = "A zone in availability_zones does not offer ${var.machine_type}, or is not in ${var.region}."
    }
  }
}

data "aws_subnets" "found" {
  count = length(var.subnet_ids) == 0 ? 1 : 0

  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.found[0].id]
  }
  # The default VPC's own: others, such as a database's, may have no way out.
  dynamic "filter" {
    for_each = var.vpc_id == null ? ["true"] : []

    content {
      name   = "default-for-az"
      values = [filter.value]
    }
  }
  filter {
    name = "availability-zone"
    values = sort(coalescelist(
      var.availability_zones,
      distinct(flatten([for offered in data.aws_ec2_instance_type_offerings.by_zone : tolist(offered.locations)])),
    ))
  }

  lifecycle {
    postcondition {
      condition     = length(self.ids) > 0
      error_message = "The VPC has no subnet in a zone that offers ${var.machine_type}: add one, or name subnet_ids."
    }
  }
}

data "aws_subnet" "found" {
  for_each = toset(flatten(data.aws_subnets.found[*].ids))
  id       = each.key
}

locals {
  subnets    = merge(data.aws_subnet.given, data.aws_subnet.found)
  subnet_ids = length(var.subnet_ids) > 0 ? var.subnet_ids : sort(data.aws_subnets.found[0].ids)
  vpc_id     = length(var.subnet_ids) > 0 ? data.aws_subnet.given[var.subnet_ids[0]].vpc_id : data.aws_vpc.found[0].id

  # Where each type can be made.
  subnet_ids_of = {
    for type, offered in data.aws_ec2_instance_type_offerings.by_zone : type => [
      for id in local.subnet_ids : id if contains(offered.locations, local.subnets[id].availability_zone)
    ]
  }
  zones = { for type, ids in local.subnet_ids_of : type => sort(distinct([for id in ids : local.subnets[id].availability_zone])) }

  # What each VM may be made as, and in which subnets. Settings that nobody made for one VM leave it to
  # AWS to refuse it, for here they would stop all others as well.
  types = { for hostname, vm in var.vms : hostname => coalesce(try(var.placements[hostname].machine_type, null), var.machine_type) }
  places = {
    for hostname, type in local.types : hostname => contains(keys(var.placements), hostname) ? [
      for id in local.subnet_ids_of[type] : id
      if coalesce(var.placements[hostname].availability_zone, local.subnets[id].availability_zone) == local.subnets[id].availability_zone
    ] : coalescelist(local.subnet_ids_of[type], local.subnet_ids)
  }
}

resource "aws_security_group" "vm" {
  name        = "lablink_client_${local.suffix}_sg"
  description = "LabLink client VMs: SSH from the allocator"
  vpc_id      = local.vpc_id
  tags        = merge(local.tags, { Name = "lablink_client_${local.suffix}_sg" })

  # None of these can be changed in place, and no other group can take this one's part while VMs are in it.
  lifecycle {
    ignore_changes = [name, description, vpc_id]

    postcondition {
      condition     = self.name == "lablink_client_${local.suffix}_sg"
      error_message = "What exists here is ${self.name}, and deployment_name, pool and resource_suffix say ${local.suffix}. They can't be set, changed or removed while anything exists: take the earlier ones back, or run `terraform destroy` with them first."
    }
    postcondition {
      condition     = self.vpc_id == local.vpc_id
      error_message = "What exists here is in ${self.vpc_id}, and the settings say ${local.vpc_id}. Take the earlier VPC or subnets back, or run `terraform destroy` with them first."
    }
  }
}

resource "aws_vpc_security_group_ingress_rule" "ssh_from_address" {
  # Whether there is an address is no secret.
  count = nonsensitive(var.allocator_ip != "") ? 1 : 0

  security_group_id = aws_security_group.vm.id
  description       = "The allocator, to fetch results"
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
  cidr_ipv4         = "${var.allocator_ip}/32"
  tags              = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "ssh_from_group" {
  #checkov:skip=CKV_AWS_24: the rule names a security group, so no address range; the check takes its absence for all.
  count = var.allocator_security_group_id == null ? 0 : 1

  security_group_id            = aws_security_group.vm.id
  description                  = "The allocator, to fetch results"
  ip_protocol                  = "tcp"
  from_port                    = 22
  to_port                      = 22
  referenced_security_group_id = var.allocator_security_group_id
  tags                         = local.tags
}

resource "aws_vpc_security_group_egress_rule" "all" {
  #checkov:skip=CKV_AWS_382: a remote desktop talks to its participant's address, on any UDP port; images, packages and repositories come from anywhere.
  security_group_id = aws_security_group.vm.id
  description       = "Remote desktop, images, packages, the allocator"
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
  tags              = local.tags
}

check "the_allocator_can_fetch_results" {
  assert {
    condition     = nonsensitive(var.allocator_ip != "") || var.allocator_security_group_id != null
    error_message = "Neither allocator_ip nor allocator_security_group_id is given: nobody can reach the VMs by SSH, so results can't be downloaded."
  }
}
