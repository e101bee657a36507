resource "aws_eip" "host" {
  #checkov:skip=CKV2_AWS_19:aws_eip_association.host attaches it, as it does one that exists already
  count = local.settings.eip.strategy == "dynamic" ? 1 : 0

  domain = "vpc"
  tags   = { Name = "${local.settings.eip.tag_name}-${local.env}" }
}

# Made once by hand, with both tags; it outlives every deployment.
data "aws_eip" "persistent" {
  count = local.settings.eip.strategy == "persistent" ? 1 : 0

  tags = {
    Name        = "${local.settings.eip.tag_name}-${local.env}"
    Environment = local.env
  }
}

locals {
  address = one([
    for eip in concat(aws_eip.host, data.aws_eip.persistent) : { id = eip.id, public_ip = eip.public_ip }
  ])
}

resource "aws_eip_association" "host" {
  allocation_id = local.address.id
  instance_id   = aws_instance.host.id
}
