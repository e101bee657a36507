# What the allocator's host may do. Container and host have the same rights: the container is on the
# host's network and finds the host's role.
data "aws_iam_policy_document" "host_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "host" {
  name               = "lablink_instance_role_${local.name}"
  assume_role_policy = data.aws_iam_policy_document.host_trust.json
}

resource "aws_iam_instance_profile" "host" {
  name = "lablink_instance_profile_${local.name}"
  role = aws_iam_role.host.name
}

resource "aws_iam_role_policy" "host" {
  for_each = merge(
    {
      host         = data.aws_iam_policy_document.host.json
      vms          = data.aws_iam_policy_document.client_vms.json
      vms_tags     = data.aws_iam_policy_document.client_tags.json
      vms_identity = data.aws_iam_policy_document.client_identity.json
      preflight    = data.aws_iam_policy_document.preflight.json
    },
    local.settings.remote_client_state ? { state = data.aws_iam_policy_document.client_state.json } : {},
  )

  name   = each.key
  role   = aws_iam_role.host.id
  policy = each.value
}

data "aws_iam_policy_document" "host" {
  #checkov:skip=CKV_AWS_356:the channels of Session Manager take no resource
  #checkov:skip=CKV_AWS_111:the same
  statement {
    sid     = "ReadSecrets"
    actions = ["ssm:GetParameter"]
    resources = [
      for name in concat(keys(local.secret_descriptions), length(local.rds) == 0 ? [] : [local.db_secret]) : "${local.arn.ssm}:parameter${local.secrets_path}/${name}"
    ]
  }
  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.arn.logs}:log-group:lablink-allocator-${local.name}:log-stream:*"]
  }
  # What it works as where the configuration names a role, whose own policy says who may take it on.
  dynamic "statement" {
    for_each = compact([local.settings.role_arn])

    content {
      sid       = "TakeOnRole"
      actions   = ["sts:AssumeRole"]
      resources = [statement.value]
    }
  }
  # AmazonSSMManagedInstanceCore would also let the host read every parameter of the account.
  statement {
    sid = "SessionManager"
    actions = [
      "ssm:UpdateInstanceInformation",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }
}

# Terraform's state of the client VMs, with its lock and its variables, and not that of the host.
data "aws_iam_policy_document" "client_state" {
  statement {
    sid       = "FindState"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${local.partition}:s3:::${local.settings.bucket_name}"]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      # `terraform init` looks for further workspaces, of which there are none, under env:/.
      values = ["${local.settings.state_folder}/client/*", "env:/*"]
    }
  }
  statement {
    sid       = "KeepState"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["arn:${local.partition}:s3:::${local.settings.bucket_name}/${local.settings.state_folder}/client/*"]
  }
}
