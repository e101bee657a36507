# Where RDS is, and who reaches it: two subnets without a way out, and the allocator's hosts.
data "aws_availability_zones" "open" {
  #checkov:skip=CKV_AWS_394:the subnets keep the zones that they were made in, whatever AWS adds
  for_each = local.rds

  state = "available"
  # Not AWS's local zones, which have no RDS.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  vpc_bits = tonumber(split("/", data.aws_vpc.host.cidr_block)[1])
  # By default the last two networks of 16 addresses, the smallest that AWS takes: those of a default
  # VPC lie at its other end.
  database_cidrs = length(var.database_cidrs) > 0 ? var.database_cidrs : [
    for back in [2, 1] : cidrsubnet(data.aws_vpc.host.cidr_block, 28 - local.vpc_bits, pow(2, 28 - local.vpc_bits) - back)
  ]
  database_subnets = length(local.rds) == 0 ? {} : {
    for index, cidr in local.database_cidrs : index => { cidr = cidr, zone = data.aws_availability_zones.open["rds"].names[index] }
  }
}

resource "aws_subnet" "database" {
  for_each = local.database_subnets

  vpc_id            = data.aws_vpc.host.id
  cidr_block        = each.value.cidr
  availability_zone = each.value.zone
  tags              = { Name = "${local.database_name}-database-${each.key}" }

  # A zone that is new is no reason to replace the database's subnets.
  lifecycle {
    ignore_changes = [availability_zone]

    precondition {
      condition     = var.vpc_id == null || length(var.subnet_ids) > 0
      error_message = "db.kind: rds in a VPC of your own needs subnet_ids: the database's subnets, which are made in it, would else be taken for the hosts' and the VMs'."
    }
  }
}

# Without a route, none but that inside the VPC; the VPC's main table may lead to the internet.
resource "aws_route_table" "database" {
  for_each = local.rds

  vpc_id = data.aws_vpc.host.id
  route  = []
  tags   = { Name = "${local.database_name}-database" }
}

resource "aws_route_table_association" "database" {
  for_each = local.database_subnets

  subnet_id      = aws_subnet.database[each.key].id
  route_table_id = aws_route_table.database["rds"].id
}

resource "aws_db_subnet_group" "allocator" {
  for_each = local.rds

  name        = local.database_name
  description = "LabLink allocator ${local.name}"
  subnet_ids  = [for subnet in aws_subnet.database : subnet.id]
}

resource "aws_security_group" "database" {
  #checkov:skip=CKV2_AWS_5:attached to aws_db_instance.allocator, whose for_each checkov does not follow
  for_each = local.rds

  name        = "lablink-database-${local.name}"
  description = "LabLink database ${local.name}"
  vpc_id      = data.aws_vpc.host.id
  tags        = { Name = "lablink-database-${local.name}" }
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each = local.rds

  security_group_id            = aws_security_group.database[each.key].id
  description                  = "from the allocator"
  referenced_security_group_id = aws_security_group.host.id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_vpc_security_group_egress_rule" "host_to_database" {
  for_each = local.rds

  security_group_id            = aws_security_group.host.id
  description                  = "to the database"
  referenced_security_group_id = aws_security_group.database[each.key].id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}
