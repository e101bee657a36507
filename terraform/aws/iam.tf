# What a VM may do in the account: write to this environment's log group, and nothing else. Without
# a log group, VMs have no role at all. The participant can use whatever the VM may do.

locals {
  ships_logs = var.cloud_init_output_log_group != ""
}

data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "assumed_by_ec2" {
  statement {
    sid     = "Assume"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "write_logs" {
  statement {
    sid     = "WriteLogs"
    actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = [
      for stream in ["", ":log-stream:*"] :
      "arn:${data.aws_partition.current.partition}:logs:${var.region}:${data.aws_caller_identity.current.account_id}:log-group:${var.cloud_init_output_log_group}${stream}"
    ]
  }
}

resource "aws_iam_role" "vm" {
  count = local.ships_logs ? 1 : 0

  # The allocator's own rights name this role and the profile.
  name                 = local.role_name
  description          = "LabLink client VMs of ${local.suffix}: write to their log group"
  assume_role_policy   = data.aws_iam_policy_document.assumed_by_ec2.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags

  # Taken away only after the VMs have given the profile back.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_iam_role_policy" "write_logs" {
  count = local.ships_logs ? 1 : 0

  name   = "write_logs"
  role   = aws_iam_role.vm[0].name
  policy = data.aws_iam_policy_document.write_logs.json
}

resource "aws_iam_instance_profile" "vm" {
  count = local.ships_logs ? 1 : 0

  name = "lablink_client_instance_profile_${local.suffix}"
  role = aws_iam_role.vm[0].name
  tags = local.tags

  lifecycle {
    create_before_destroy = true
  }
}
