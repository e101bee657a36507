# The role that terraform/aws gives its VMs. Whoever may write a role's policy and pass the role on
# can give himself every right, so the role must carry this boundary.
locals {
  # Named as terraform/aws does: pools but the default one have a role of their own, after a dot.
  client_name         = join("_", compact([local.settings.deployment_name, local.env]))
  client_role_arns    = [for end in ["", ".*"] : "arn:${local.partition}:iam::${local.account}:role/lablink_cloud_watch_agent_role_${local.client_name}${end}"]
  client_profile_arns = [for end in ["", ".*"] : "arn:${local.partition}:iam::${local.account}:instance-profile/lablink_client_instance_profile_${local.client_name}${end}"]
}

data "aws_iam_policy_document" "client_boundary" {
  statement {
    sid     = "WriteLogs"
    actions = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = [
      for stream in ["", ":log-stream:*"] : "${local.arn.logs}:log-group:lablink-cloud-init-${local.name}${stream}"
    ]
  }
}

resource "aws_iam_policy" "client_boundary" {
  name        = "lablink_client_boundary_${local.name}"
  description = "The most that a client VM of LabLink ${local.name} may do"
  policy      = data.aws_iam_policy_document.client_boundary.json
}

data "aws_iam_policy_document" "client_identity" {
  statement {
    sid       = "MakeBoundedRole"
    actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    resources = local.client_role_arns
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
    resources = local.client_role_arns
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
    resources = local.client_profile_arns
  }
  statement {
    sid       = "GiveRoleToVms"
    actions   = ["iam:PassRole"]
    resources = local.client_role_arns
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ec2.amazonaws.com"]
    }
  }

  # The first spot instance of an account needs it.
  statement {
    sid       = "MakeSpotsOwnRole"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/aws-service-role/spot.amazonaws.com/*"]
    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["spot.amazonaws.com"]
    }
  }
}
