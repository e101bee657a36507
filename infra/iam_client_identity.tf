# The role that terraform/aws gives its VMs. Whoever may write a role's policy and pass the role on
# can give himself every right, so the role must carry this boundary.
locals {
  client_role_arn    = "arn:${local.partition}:iam::${local.account}:role/lablink_cloud_watch_agent_role_${local.env}"
  client_profile_arn = "arn:${local.partition}:iam::${local.account}:instance-profile/lablink_client_instance_profile_${local.env}"
}

data "aws_iam_policy_document" "client_boundary" {
  statement {
    sid     = "WriteLogs"
    actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = [
      for stream in ["", ":log-stream:*"] : "${local.arn.logs}:log-group:lablink-cloud-init-${local.env}${stream}"
    ]
  }
}

resource "aws_iam_policy" "client_boundary" {
  name        = "lablink_client_boundary_${local.env}"
  description = "The most that a client VM of LabLink ${local.env} may do"
  policy      = data.aws_iam_policy_document.client_boundary.json
}

data "aws_iam_policy_document" "client_identity" {
  statement {
    sid       = "MakeBoundedRole"
    actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    resources = [local.client_role_arn]
    condition {
      test     = "ArnEquals"
      variable = "iam:PermissionsBoundary"
      values   = [aws_iam_policy.client_boundary.arn]
    }
  }
  statement {
    sid = "KeepRole"
    actions = [
      "iam:DeleteRole",
      "iam:DeleteRolePolicy",
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole",
      "iam:ListRolePolicies",
      "iam:ListRoleTags",
      "iam:TagRole",
      "iam:UntagRole",
    ]
    resources = [local.client_role_arn]
  }
  statement {
    sid = "KeepProfile"
    actions = [
      "iam:AddRoleToInstanceProfile",
      "iam:CreateInstanceProfile",
      "iam:DeleteInstanceProfile",
      "iam:GetInstanceProfile",
      "iam:ListInstanceProfileTags",
      "iam:RemoveRoleFromInstanceProfile",
      "iam:TagInstanceProfile",
      "iam:UntagInstanceProfile",
    ]
    resources = [local.client_profile_arn]
  }
  statement {
    sid       = "GiveRoleToVms"
    actions   = ["iam:PassRole"]
    resources = [local.client_role_arn]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ec2.amazonaws.com"]
    }
  }
}
