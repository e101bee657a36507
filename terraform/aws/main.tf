locals {
  # A sweep takes what has exactly these: no tag means no deployment's name, and the default pool.
  tags = {
    for key, value in {
      Environment = var.resource_suffix
      Deployment  = var.deployment_name
      Pool        = var.pool
      Owner       = var.owner
      CostCenter  = var.cost_center
      ManagedBy   = "lablink-allocator"
    } : key => value if value != ""
  }

  # Also where the state was never written: a sweep finds what a launch that was cut off has made.
  made_by = { for key, value in { Operation = var.operation } : key => value if value != "" }

  # EC2's limit for user data, in bytes before base64.
  user_data_limit = 16384
}

resource "aws_instance" "vm" {
  #checkov:skip=CKV_AWS_88: participants and images come over the internet; the security group admits the allocator's SSH alone. assign_public_ip = false is the alternative.
  #checkov:skip=CKV_AWS_126: agents report health every few seconds; detailed monitoring would cost money for each VM and tell less.
  #checkov:skip=CKV_AWS_135: every current type is EBS-optimised anyway, and types that can't be, as t2, would be refused.
  for_each = var.vms

  ami                         = var.client_ami_id
  instance_type               = local.types[each.key]
  subnet_id                   = try(element(local.places[each.key], each.value.number - 1), null)
  associate_public_ip_address = var.assign_public_ip
  vpc_security_group_ids      = [aws_security_group.vm.id]
  key_name                    = aws_key_pair.vm.key_name
  # Not null, which would leave a VM the profile that is taken away.
  iam_instance_profile = local.ships_logs ? aws_iam_instance_profile.vm[0].name : ""
  user_data_base64     = local.user_data[each.key]
  tags                 = merge(local.tags, { Name = each.key }, local.made_by)

  # The container is on the VM's own network: one hop is enough for its agent.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = var.root_volume_gb
    encrypted   = true
    kms_key_id  = var.kms_key_id
    tags        = merge(local.tags, { Name = each.key })
  }

  dynamic "instance_market_options" {
    for_each = var.spot[*]

    content {
      market_type = "spot"

      spot_options {
        spot_instance_type             = "one-time"
        instance_interruption_behavior = "terminate"
        max_price                      = instance_market_options.value.max_price
      }
    }
  }

  # What a VM needs in its first minute.
  depends_on = [
    aws_iam_role_policy.write_logs,
    aws_vpc_security_group_egress_rule.all,
  ]

  lifecycle {
    # A VM stays as it was made: each of these would replace it, or stop it, under its participant.
    ignore_changes = [
      ami,
      associate_public_ip_address,
      instance_market_options,
      instance_type,
      key_name,
      # Its tags alone change in place.
      root_block_device[0].encrypted,
      root_block_device[0].kms_key_id,
      root_block_device[0].volume_size,
      root_block_device[0].volume_type,
      subnet_id,
      # It tells who made the VM, not who changed its neighbours.
      tags["Operation"],
      user_data,
      user_data_base64,
    ]

    precondition {
      condition     = length(local.places[each.key]) > 0
      error_message = "There is no place for ${each.key}: ${local.types[each.key]} can be made in ${join(", ", local.zones[local.types[each.key]])}. Choose one of these zones, or another type."
    }

    # Base64 is four characters for three bytes.
    precondition {
      condition     = length(nonsensitive(local.user_data[each.key])) * 3 / 4 <= local.user_data_limit
      error_message = "The user data of ${each.key} is larger than EC2's 16 KiB, compressed: make ${var.custom_startup_script_path} smaller, for example by letting it download what it needs."
    }
  }
}
