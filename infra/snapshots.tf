resource "aws_dlm_lifecycle_policy" "data" {
  count = local.single

  description        = "Snapshots of LabLink's data volume ${local.name}"
  execution_role_arn = aws_iam_role.snapshots[0].arn

  policy_details {
    resource_types = ["VOLUME"]
    target_tags    = { Snapshot = "lablink-${local.name}" }

    schedule {
      name      = "every ${var.snapshot_hours} hours"
      copy_tags = true

      create_rule {
        interval = var.snapshot_hours
        times    = ["03:00"]
      }
      retain_rule {
        count = var.snapshots_kept
      }
    }
  }
}

data "aws_iam_policy_document" "snapshots_trust" {
  count = local.single

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["dlm.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "snapshots" {
  count = local.single

  #checkov:skip=CKV_AWS_356:DescribeVolumes and DescribeSnapshots take no resource
  statement {
    sid       = "Find"
    actions   = ["ec2:DescribeVolumes", "ec2:DescribeSnapshots"]
    resources = ["*"]
  }
  statement {
    sid       = "CreateOfTheDataVolume"
    actions   = ["ec2:CreateSnapshot"]
    resources = ["${local.arn.ec2}:volume/${aws_ebs_volume.data[0].id}"]
  }
  statement {
    sid       = "CreateAsSnapshot"
    actions   = ["ec2:CreateSnapshot"]
    resources = [local.snapshot_arn]
  }
  statement {
    sid       = "TagWhatIsCreated"
    actions   = ["ec2:CreateTags"]
    resources = [local.snapshot_arn]
    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["CreateSnapshot"]
    }
  }
  statement {
    sid       = "DeleteItsOwn"
    actions   = ["ec2:DeleteSnapshot"]
    resources = [local.snapshot_arn]
    condition {
      test     = "StringEquals"
      variable = "ec2:ResourceTag/Snapshot"
      values   = ["lablink-${local.name}"]
    }
  }
}

locals {
  # A snapshot's ARN has no account.
  snapshot_arn = "arn:${local.partition}:ec2:${local.region}::snapshot/*"
}

resource "aws_iam_role" "snapshots" {
  count = local.single

  name               = "lablink_snapshots_${local.name}"
  assume_role_policy = data.aws_iam_policy_document.snapshots_trust[0].json
}

resource "aws_iam_role_policy" "snapshots" {
  count = local.single

  name   = "snapshots"
  role   = aws_iam_role.snapshots[0].id
  policy = data.aws_iam_policy_document.snapshots[0].json
}
