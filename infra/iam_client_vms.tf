# The EC2 rights that terraform/aws needs. What is made must carry this environment's tags, and what
# carries them may be changed and removed: nothing else in the account can be touched.
locals {
  client_tags = merge(local.deployment_tag, { Environment = local.env, ManagedBy = "lablink-allocator" })

  # A deployment without a name has what bears none: others of the account are not its own.
  own = concat(
    [for key, value in local.client_tags : { test = "StringEquals", key = key, value = value }],
    local.settings.deployment_name == "" ? [{ test = "Null", key = "Deployment", value = "true" }] : [],
  )

  # Where VMs may be, and of which type: whoever gets hold of the role starts no other machines.
  client_vpc_arn = "${local.arn.ec2}:vpc/${data.aws_vpc.host.id}"
  # Of the VPC, those that were named, if any were.
  client_subnet_arns = [for id in coalescelist(var.subnet_ids, ["*"]) : "${local.arn.ec2}:subnet/${id}"]
  client_types       = local.settings.machine_types

  # Kinds that terraform/aws tags as it makes them, and the calls that make them.
  made_with_tags = {
    RunInstances        = ["instance"]
    CreateSecurityGroup = ["security-group"]
    ImportKeyPair       = ["key-pair"]
  }
}

data "aws_iam_policy_document" "client_vms" {
  #checkov:skip=CKV_AWS_356:EC2's Describe calls take no resource, and change nothing
  statement {
    sid = "Look"
    actions = [
      "ec2:DescribeAvailabilityZones",
      "ec2:DescribeIamInstanceProfileAssociations",
      "ec2:DescribeImages",
      "ec2:DescribeInstanceAttribute",
      "ec2:DescribeInstanceCreditSpecifications",
      "ec2:DescribeInstanceStatus",
      "ec2:DescribeInstanceTypeOfferings",
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeInstances",
      "ec2:DescribeKeyPairs",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeRouteTables",
      "ec2:DescribeSecurityGroupRules",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSpotInstanceRequests",
      "ec2:DescribeSpotPriceHistory",
      "ec2:DescribeSubnets",
      "ec2:DescribeTags",
      "ec2:DescribeVolumes",
      "ec2:DescribeVpcAttribute",
      "ec2:DescribeVpcs",
    ]
    resources = ["*"]
  }

  dynamic "statement" {
    for_each = local.made_with_tags

    content {
      sid       = "${statement.key}Tagged"
      actions   = ["ec2:${statement.key}"]
      resources = [for kind in statement.value : "${local.arn.ec2}:${kind}/*"]
      dynamic "condition" {
        for_each = local.own

        content {
          test     = condition.value.test
          variable = "aws:RequestTag/${condition.value.key}"
          values   = [condition.value.value]
        }
      }
      dynamic "condition" {
        for_each = statement.key == "RunInstances" ? [local.client_types] : []

        content {
          test     = "StringEquals"
          variable = "ec2:InstanceType"
          values   = condition.value
        }
      }
    }
  }
  statement {
    sid     = "RunInstancesFrom"
    actions = ["ec2:RunInstances"]
    resources = [
      "arn:${local.partition}:ec2:${local.region}::image/*",
      "${local.arn.ec2}:spot-instances-request/*",
    ]
  }
  statement {
    sid       = "RunInstancesInItsVpc"
    actions   = ["ec2:RunInstances"]
    resources = concat(["${local.arn.ec2}:network-interface/*"], local.client_subnet_arns)
    condition {
      test     = "ArnEquals"
      variable = "ec2:Vpc"
      values   = [local.client_vpc_arn]
    }
  }
  statement {
    sid       = "RunInstancesOnEncryptedVolumes"
    actions   = ["ec2:RunInstances"]
    resources = ["${local.arn.ec2}:volume/*"]
    condition {
      test     = "Bool"
      variable = "ec2:Encrypted"
      values   = ["true"]
    }
  }
  statement {
    sid       = "CreateSecurityGroupIn"
    actions   = ["ec2:CreateSecurityGroup"]
    resources = [local.client_vpc_arn]
  }
  statement {
    sid = "SecurityGroupRules"
    actions = [
      "ec2:AuthorizeSecurityGroupEgress",
      "ec2:AuthorizeSecurityGroupIngress",
      "ec2:ModifySecurityGroupRules",
      "ec2:RevokeSecurityGroupEgress",
      "ec2:RevokeSecurityGroupIngress",
    ]
    # The group that the rule belongs to is checked below.
    resources = ["${local.arn.ec2}:security-group-rule/*"]
  }

  # A VM that is stopped could come back as another type.
  statement {
    sid       = "ModifyItsOwn"
    actions   = ["ec2:ModifyInstanceAttribute"]
    resources = [for kind in ["instance", "security-group"] : "${local.arn.ec2}:${kind}/*"]
    condition {
      test     = "StringEqualsIfExists"
      variable = "ec2:Attribute/InstanceType"
      values   = local.client_types
    }
    dynamic "condition" {
      for_each = local.own

      content {
        test     = condition.value.test
        variable = "aws:ResourceTag/${condition.value.key}"
        values   = [condition.value.value]
      }
    }
  }
  statement {
    sid = "ChangeAndRemoveItsOwn"
    actions = [
      "ec2:AssociateIamInstanceProfile",
      "ec2:AuthorizeSecurityGroupEgress",
      "ec2:AuthorizeSecurityGroupIngress",
      "ec2:DeleteKeyPair",
      "ec2:DeleteSecurityGroup",
      "ec2:DisassociateIamInstanceProfile",
      "ec2:ModifyInstanceMetadataOptions",
      "ec2:ModifySecurityGroupRules",
      "ec2:RebootInstances",
      "ec2:RevokeSecurityGroupEgress",
      "ec2:RevokeSecurityGroupIngress",
      "ec2:RunInstances",
      "ec2:StartInstances",
      "ec2:StopInstances",
      "ec2:TerminateInstances",
    ]
    resources = [for kind in ["instance", "key-pair", "security-group"] : "${local.arn.ec2}:${kind}/*"]
    dynamic "condition" {
      for_each = local.own

      content {
        test     = condition.value.test
        variable = "aws:ResourceTag/${condition.value.key}"
        values   = [condition.value.value]
      }
    }
  }
}

data "aws_iam_policy_document" "client_tags" {
  statement {
    sid       = "TagWhatIsMade"
    actions   = ["ec2:CreateTags"]
    resources = ["${local.arn.ec2}:*/*"]
    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values = concat(keys(local.made_with_tags), [
        "AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress",
      ])
    }
    dynamic "condition" {
      for_each = local.own

      content {
        test     = condition.value.test
        variable = "aws:RequestTag/${condition.value.key}"
        values   = [condition.value.value]
      }
    }
  }
  # Terraform tags a VM's disk after the VM is made. No right here depends on a volume's tags.
  statement {
    sid       = "TagDisks"
    actions   = ["ec2:CreateTags"]
    resources = ["${local.arn.ec2}:volume/*"]
    condition {
      test     = "Null"
      variable = "aws:ResourceTag/ManagedBy"
      values   = ["true"]
    }
    dynamic "condition" {
      for_each = local.own

      content {
        test     = condition.value.test
        variable = "aws:RequestTag/${condition.value.key}"
        values   = [condition.value.value]
      }
    }
  }
  # A tag that says whose something is stays as it was made.
  statement {
    sid     = "TagItsOwn"
    actions = ["ec2:CreateTags", "ec2:DeleteTags"]
    resources = [
      for kind in ["instance", "key-pair", "security-group", "security-group-rule", "volume"] : "${local.arn.ec2}:${kind}/*"
    ]
    condition {
      test     = "ForAllValues:StringNotEquals"
      variable = "aws:TagKeys"
      values   = ["Deployment", "Environment", "ManagedBy"]
    }
    dynamic "condition" {
      for_each = local.own

      content {
        test     = condition.value.test
        variable = "aws:ResourceTag/${condition.value.key}"
        values   = [condition.value.value]
      }
    }
  }

  # Disks with a key of one's own: the key's policy must let the account's IAM decide.
  dynamic "statement" {
    for_each = compact([local.settings.kms_key_id])

    content {
      sid       = "EncryptDisks"
      actions   = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
      resources = [statement.value]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["ec2.${local.region}.amazonaws.com"]
      }
    }
  }
}
