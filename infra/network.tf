data "aws_vpc" "host" {
  id      = var.vpc_id
  default = var.vpc_id == null ? true : null
}

data "aws_subnets" "host" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.host.id]
  }
  # The default VPC's own: others, such as the database's, may have no way out.
  dynamic "filter" {
    for_each = var.vpc_id == null ? ["true"] : []

    content {
      name   = "default-for-az"
      values = [filter.value]
    }
  }
}

locals {
  subnet_ids = length(var.subnet_ids) > 0 ? var.subnet_ids : sort(data.aws_subnets.host.ids)
}

data "aws_subnet" "host" {
  id = local.subnet_ids[0]
}

# Where the load balancer has its addresses.
data "aws_subnet" "balancer" {
  for_each = local.ssl == "acm" ? toset(local.subnet_ids) : []
  id       = each.key
}
