# What the allocator asks before a launch: is there room, and what does it cost? None of these calls
# changes anything, or takes a resource.
data "aws_iam_policy_document" "preflight" {
  #checkov:skip=CKV_AWS_356:quotas and prices are the account's and AWS's
  statement {
    sid = "Ask"
    actions = [
      "pricing:GetProducts",
      "servicequotas:GetAWSDefaultServiceQuota",
      "servicequotas:GetServiceQuota",
      "servicequotas:ListServiceQuotas",
      "sts:GetCallerIdentity",
    ]
    resources = ["*"]
  }
}
