locals {
  tags = {
    for key, value in {
      Environment = var.resource_suffix
      Owner       = var.owner
      CostCenter  = var.cost_center
      ManagedBy   = "lablink-allocator"
    } : key => value if value != ""
  }

  # EC2's limit for user data, in bytes before base64.
  user_data_limit = 16384
}

resource "aws_instance" "vm" {
  #checkov:skip=CKV_AWS_88: participants and images come over the internet; the security group admits the allocator's SSH alone. assign_public_ip = false is the alternative.
  #checkov:skip=CKV_AWS_126: agents report health every few seconds; detailed monitoring would cost money for each VM and tell less.
  #checkov:skip=CKV_AWS_135: every current type is EBS-optimised anyway, and types that can't be, as t2, would be refused.
  for_each = var.vms

  ami                         = var.client_ami_id
  instance_type               = var.machine_type
  subnet_id                   = element(local.subnet_ids, each.value.number - 1)
  associate_public_ip_address = var.assign_public_ip
  vpc_security_group_ids      = [aws_security_group.vm.id]
  key_name                    = aws_key_pair.vm.key_name
  iam_instance_profile        = one(aws_iam_instance_profile.vm[*].name)
  user_data_base64            = local.user_data[each.key]
  tags                        = merge(local.tags, { Name = each.key })

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

  # What a VM needs in its first minute, and what measures it.
  depends_on = [
    aws_iam_role_policy.write_logs,
    aws_vpc_security_group_egress_rule.all,
    time_static.start,
  ]

  lifecycle {
    # A VM stays as it was made: each of these would replace it, or stop it, under its participant.
    ignore_changes = [
      ami,
      associate_public_ip_address,
      instance_market_options,
      instance_type,
      key_name,
      root_block_device,
      subnet_id,
      user_data,
      user_data_base64,
    ]

    # Base64 is four characters for three bytes.
    precondition {
      condition     = length(nonsensitive(local.user_data[each.key])) * 3 / 4 <= local.user_data_limit
      error_message = "The user data of ${each.key} is larger than EC2's 16 KiB, compressed: make ${var.custom_startup_script_path} smaller, for example by letting it download what it needs."
    }
  }
}
