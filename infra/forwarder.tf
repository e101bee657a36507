# Takes each batch of log lines from CloudWatch to the allocator.
locals {
  forwarder = "lablink_log_processor_${local.name}"
}

resource "aws_lambda_function" "forwarder" {
  #checkov:skip=CKV_AWS_50:one short call, told in its log line: tracing adds nothing
  #checkov:skip=CKV_AWS_115:a reserve would be taken from the whole account's, and new accounts have ten in all
  #checkov:skip=CKV_AWS_116:what it fails to deliver stays in the log group, from where it can be read
  #checkov:skip=CKV_AWS_117:it calls the allocator's public URL and needs nothing in the VPC
  #checkov:skip=CKV_AWS_173:its environment holds a URL and a parameter's name, and no secret
  #checkov:skip=CKV_AWS_272:signing needs a profile of the account; the package comes from the same release as this module
  function_name    = local.forwarder
  description      = "Takes the log lines of LabLink's VMs to the allocator"
  role             = aws_iam_role.forwarder.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = ["x86_64"]
  filename         = var.log_forwarder_zip
  source_code_hash = try(filebase64sha256(var.log_forwarder_zip), null)
  memory_size      = 128
  timeout          = 30

  environment {
    variables = {
      API_ENDPOINT                = "${local.url}/api/vm-logs"
      LABLINK_LOG_GROUP           = aws_cloudwatch_log_group.client_vms.name
      LABLINK_LOG_TOKEN_PARAMETER = aws_ssm_parameter.secret["log-token"].name
    }
  }

  # Else Lambda makes the group itself, without an end to what it keeps.
  depends_on = [aws_cloudwatch_log_group.forwarder, aws_iam_role_policy.forwarder]

  # Here and not at the variable: to destroy a deployment nobody needs the package.
  lifecycle {
    precondition {
      condition     = fileexists(var.log_forwarder_zip)
      error_message = "log_forwarder_zip: ${var.log_forwarder_zip} was not found. Build log-forwarder-lambda first, or name its zip."
    }
  }
}

resource "aws_lambda_permission" "forwarder" {
  statement_id   = "AllowExecutionFromCloudWatch"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.forwarder.function_name
  principal      = "logs.${local.region}.amazonaws.com"
  source_arn     = "${aws_cloudwatch_log_group.client_vms.arn}:*"
  source_account = local.account
}

resource "aws_cloudwatch_log_subscription_filter" "forwarder" {
  name            = "lablink_lambda_subscription_${local.name}"
  log_group_name  = aws_cloudwatch_log_group.client_vms.name
  filter_pattern  = "" # every line
  destination_arn = aws_lambda_function.forwarder.arn

  depends_on = [aws_lambda_permission.forwarder]
}

data "aws_iam_policy_document" "forwarder_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "forwarder" {
  statement {
    sid       = "WriteItsLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.arn.logs}:log-group:/aws/lambda/${local.forwarder}:log-stream:*"]
  }
  statement {
    sid       = "ReadItsToken"
    actions   = ["ssm:GetParameter"]
    resources = ["${local.arn.ssm}:parameter${local.secrets_path}/log-token"]
  }
}

resource "aws_iam_role" "forwarder" {
  name               = "lablink_lambda_exec_${local.name}"
  assume_role_policy = data.aws_iam_policy_document.forwarder_trust.json
}

resource "aws_iam_role_policy" "forwarder" {
  name   = "forwarder"
  role   = aws_iam_role.forwarder.id
  policy = data.aws_iam_policy_document.forwarder.json
}
