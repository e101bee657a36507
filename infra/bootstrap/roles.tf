# Who deploys takes on this role: people of the account who may, and workflows of one repository.
data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  partition = data.aws_partition.current.partition
  account   = data.aws_caller_identity.current.account_id
  # arn:…:iam::ACCOUNT and so on, before the resource.
  iam      = "arn:${local.partition}:iam::${local.account}"
  regional = { for service in ["lambda", "logs", "ssm", "cloudwatch"] : service => "arn:${local.partition}:${service}:${local.settings.region}:${local.account}" }

  github          = "token.actions.githubusercontent.com"
  github_provider = { for repository in var.github_repository[*] : "github" => repository if var.github_provider_arn == null }
  github_arns     = concat([for provider in aws_iam_openid_connect_provider.github : provider.arn], var.github_provider_arn[*])
}

# An account has at most one for this address.
resource "aws_iam_openid_connect_provider" "github" {
  for_each = local.github_provider

  url            = "https://${local.github}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "deploy_trust" {
  statement {
    sid     = "PeopleWhoMay"
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "AWS"
      identifiers = ["${local.iam}:root"]
    }
  }

  # Only jobs with an environment, which the repository can protect by a reviewer.
  dynamic "statement" {
    for_each = var.github_repository[*]

    content {
      sid     = "WorkflowsOfOneRepository"
      actions = ["sts:AssumeRoleWithWebIdentity"]
      principals {
        type        = "Federated"
        identifiers = local.github_arns
      }
      condition {
        test     = "StringEquals"
        variable = "${local.github}:aud"
        values   = ["sts.amazonaws.com"]
      }
      condition {
        test     = "StringLike"
        variable = "${local.github}:sub"
        values   = ["repo:${statement.value}:environment:*"]
      }
    }
  }
}

resource "aws_iam_role" "deploy" {
  name                 = "lablink-deploy-${local.settings.region}"
  description          = "Deploys and destroys LabLink"
  assume_role_policy   = data.aws_iam_policy_document.deploy_trust.json
  max_session_duration = 14400
}

resource "aws_iam_role_policy" "deploy" {
  name   = "deploy"
  role   = aws_iam_role.deploy.id
  policy = data.aws_iam_policy_document.deploy.json
}

# What `infra` and `lablink` do, no more in the services that hold other people's things. Whoever may make
# roles for LabLink may make one that can do more: give this role to those whom you trust with the account.
data "aws_iam_policy_document" "deploy" {
  #checkov:skip=CKV_AWS_108:it reads the states and secrets of the deployments that it makes
  #checkov:skip=CKV_AWS_109:it makes the roles of the deployments, by their names
  #checkov:skip=CKV_AWS_110:see the comment above
  #checkov:skip=CKV_AWS_111:EC2, RDS and load balancers are made by it, under names that AWS chooses
  #checkov:skip=CKV_AWS_356:the same
  statement {
    sid = "Machines"
    actions = [
      "autoscaling:*",
      "dlm:*",
      "ec2:*",
      "elasticloadbalancing:*",
      "rds:*",
    ]
    resources = ["*"]
  }
  statement {
    sid = "Look"
    actions = [
      "acm:DescribeCertificate",
      "acm:ListTagsForCertificate",
      "cloudwatch:DescribeAlarms",
      "kms:DescribeKey",
      "logs:DescribeLogGroups",
      "pricing:GetProducts",
      "route53:GetChange",
      "route53:GetHostedZone",
      "route53:ListHostedZones",
      "route53:ListHostedZonesByName",
      "route53:ListResourceRecordSets",
      "route53:ListTagsForResource",
      "servicequotas:GetAWSDefaultServiceQuota",
      "servicequotas:GetServiceQuota",
      "ssm:DescribeParameters",
      "sts:GetCallerIdentity",
      "tag:GetResources",
    ]
    resources = ["*"]
  }
  # AWS's own, such as Amazon Linux's newest image.
  statement {
    sid       = "PublicParameters"
    actions   = ["ssm:GetParameter", "ssm:GetParameters"]
    resources = ["arn:${local.partition}:ssm:${local.settings.region}:*:parameter/aws/service/*"]
  }
  statement {
    sid       = "NamesOfHosts"
    actions   = ["route53:ChangeResourceRecordSets"]
    resources = ["arn:${local.partition}:route53:::hostedzone/*"]
  }
  statement {
    sid       = "States"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.state.arn}/*"]
  }
  statement {
    sid       = "Bucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
    resources = [aws_s3_bucket.state.arn]
  }
  statement {
    sid       = "Secrets"
    actions   = ["ssm:AddTagsToResource", "ssm:DeleteParameter", "ssm:GetParameter", "ssm:GetParameters", "ssm:ListTagsForResource", "ssm:PutParameter", "ssm:RemoveTagsFromResource"]
    resources = ["${local.regional.ssm}:parameter/lablink/*"]
  }
  statement {
    sid     = "Logs"
    actions = ["logs:*"]
    resources = [
      for group in ["lablink-*", "/aws/lambda/lablink_*", "/aws/rds/instance/lablink-*"] :
      "${local.regional.logs}:log-group:${group}"
    ]
  }
  statement {
    sid       = "Forwarder"
    actions   = ["lambda:*"]
    resources = ["${local.regional.lambda}:function:lablink_*"]
  }
  statement {
    sid       = "Alarms"
    actions   = ["cloudwatch:DeleteAlarms", "cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"]
    resources = ["${local.regional.cloudwatch}:alarm:lablink*"]
  }
  statement {
    sid     = "RolesOfDeployments"
    actions = ["iam:*"]
    resources = [
      "${local.iam}:role/lablink_*",
      "${local.iam}:instance-profile/lablink_*",
      "${local.iam}:policy/lablink_*",
    ]
  }
  # Of an account that never had a load balancer, a group of hosts or a database.
  statement {
    sid       = "RolesOfServices"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["${local.iam}:role/aws-service-role/*"]
  }
}
