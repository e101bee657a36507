# Made in memory and written to the Parameter Store: neither a plan nor the state holds a value.
# Later runs make new ones, which go nowhere until secrets_version is raised.
ephemeral "random_password" "made" {
  for_each = { admin-password = 24, db-password = 40, log-token = 48, metrics-token = 48 }

  length  = each.value
  special = false
}

# 32 bytes in hexadecimal: ten digits and six "special" characters.
ephemeral "random_password" "secret_key" {
  length           = 64
  upper            = false
  lower            = false
  override_special = "abcdef"
}

# Spoken, and typed on phones.
ephemeral "random_password" "access_code" {
  length  = 10
  upper   = false
  special = false
}

locals {
  secrets_path = "/lablink/${local.name}"
  # Of its own for RDS: whoever moves to it, or back, gets a password that both sides are told at once.
  db_secret = length(local.rds) == 0 ? "db-password" : "rds-password"

  secret_descriptions = merge({
    admin-password = "The organiser's password"
    log-token      = "What the log forwarder shows the allocator"
    metrics-token  = "What Prometheus shows at /metrics"
    secret-key     = "Key that the allocator encrypts AWS credentials with"
    },
    length(local.rds) == 0 ? { db-password = "Password of the allocator's database" } : {},
    local.settings.has_access_code ? { access-code = "What participants enter beside their e-mail" } : {},
  )
  secrets = {
    admin-password    = coalesce(var.admin_password, ephemeral.random_password.made["admin-password"].result)
    (local.db_secret) = coalesce(var.db_password, ephemeral.random_password.made["db-password"].result)
    log-token         = ephemeral.random_password.made["log-token"].result
    metrics-token     = ephemeral.random_password.made["metrics-token"].result
    secret-key        = ephemeral.random_password.secret_key.result
    access-code       = coalesce(var.access_code, ephemeral.random_password.access_code.result)
  }
}

resource "aws_ssm_parameter" "secret" {
  #checkov:skip=CKV_AWS_337:the account's SSM key; who may read is decided by the roles' policies, which name each parameter
  for_each = local.secret_descriptions

  name             = "${local.secrets_path}/${each.key}"
  description      = each.value
  type             = "SecureString"
  value_wo         = local.secrets[each.key]
  value_wo_version = var.secrets_version
}
