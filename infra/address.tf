resource "aws_eip" "host" {
  #checkov:skip=CKV2_AWS_19:aws_eip_association.host attaches it, as it does one that exists already
  count = local.settings.eip.strategy == "dynamic" ? local.single : 0

  domain = "vpc"
  # Never the name of a persistent one, which is looked for while this one still exists.
  tags = { Name = local.host_name }
}

# Made once by hand, with both tags; it outlives every deployment.
data "aws_eip" "persistent" {
  count = local.settings.eip.strategy == "persistent" ? 1 : 0

  tags = {
    Name        = "${local.settings.eip.tag_name}-${local.name}"
    Environment = local.env
  }
}

locals {
  addresses = concat(aws_eip.host, data.aws_eip.persistent)
  # Empty with several allocators, which only the load balancer is asked for.
  public_ip = try(local.addresses[0].public_ip, "")
}

resource "aws_eip_association" "host" {
  count = local.single

  allocation_id = local.addresses[0].id
  instance_id   = aws_instance.host[0].id
}
