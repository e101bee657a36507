# db.kind: rds. Everything here is there once or not at all.
locals {
  # What the host's config.yaml says of it, beside what the deployment's does.
  db_section = {
    for key, db in local.rds : "db" => merge(try(local.settings.file.db, {}), {
      host        = aws_db_instance.allocator[key].address
      port        = 5432
      sslmode     = "verify-full"
      sslrootcert = "/config/rds-ca.pem"
    })
  }
}

resource "aws_db_instance" "allocator" {
  #checkov:skip=CKV_AWS_118:CPU, storage and connections are in CloudWatch anyway; the operating system's own view tells little more
  #checkov:skip=CKV_AWS_161:a password that both sides are told by Terraform; IAM's would expire every 15 minutes
  #checkov:skip=CKV_AWS_353:costs more than it tells of a database that serves a few allocators
  #checkov:skip=CKV_AWS_157:var.database_multi_az decides, true by default
  #checkov:skip=CKV_AWS_293:var.database_deletion_protection decides, true by default
  #checkov:skip=CKV2_AWS_30:logged queries would hold participants' addresses
  #checkov:skip=CKV2_AWS_69:rds.force_ssl of its parameter group, which checkov does not follow
  for_each = local.rds

  identifier     = local.database_name
  engine         = "postgres"
  engine_version = local.postgres
  instance_class = var.database_instance_class
  db_name        = each.value.dbname
  username       = each.value.user
  # Write-only, so that the state has its version alone.
  password_wo         = local.secrets["rds-password"]
  password_wo_version = var.secrets_version

  allocated_storage     = var.database_storage_gib
  max_allocated_storage = 5 * var.database_storage_gib
  storage_type          = "gp3"
  storage_encrypted     = true
  snapshot_identifier   = var.database_restore_snapshot_id

  db_subnet_group_name   = aws_db_subnet_group.allocator[each.key].name
  vpc_security_group_ids = [aws_security_group.database[each.key].id]
  publicly_accessible    = false
  multi_az               = var.database_multi_az
  parameter_group_name   = aws_db_parameter_group.allocator[each.key].name

  backup_retention_period    = var.database_backup_days
  copy_tags_to_snapshot      = true
  deletion_protection        = var.database_deletion_protection
  skip_final_snapshot        = false
  final_snapshot_identifier  = "${local.database_name}-${formatdate("YYYYMMDDhhmmss", plantimestamp())}"
  auto_minor_version_upgrade = true

  enabled_cloudwatch_logs_exports = ["postgresql"]

  # Else RDS makes the group itself, without an end to what it keeps.
  depends_on = [aws_cloudwatch_log_group.database]

  lifecycle {
    ignore_changes = [
      # It counts when the database is made: afterwards it would replace what has been written since.
      snapshot_identifier,
      # Each database leaves a snapshot of its own name, from when it was planned.
      final_snapshot_identifier,
      # Another name would be a new and empty database.
      db_name, username,
    ]

    postcondition {
      condition     = self.db_name == each.value.dbname && self.username == each.value.user
      error_message = "The database in RDS is called ${self.db_name} and belongs to ${self.username}, and db.dbname and db.user say ${each.value.dbname} and ${each.value.user}. Neither can be changed while the database exists: take the earlier ones back; or dump it, destroy it with -target=aws_db_instance.allocator, and restore the dump into a new one."
    }
  }
}

# Another one for each database, also where the one before was deleted outside.
resource "terraform_data" "database" {
  for_each = local.rds

  triggers_replace = aws_db_instance.allocator[each.key].resource_id
}

# Each new database gets a new password, which the allocator reads here: so the parameter is made anew
# with it. RDS takes long to make and may fail; the next run then makes another password for both.
resource "aws_ssm_parameter" "rds_password" {
  #checkov:skip=CKV_AWS_337:the account's SSM key; who may read is decided by the roles' policies, which name each parameter
  for_each = local.rds

  name             = "${local.secrets_path}/rds-password"
  description      = "Password of the allocator's database"
  type             = "SecureString"
  value_wo         = local.secrets["rds-password"]
  value_wo_version = var.secrets_version

  lifecycle {
    replace_triggered_by = [terraform_data.database[each.key]]
  }
}

moved {
  from = aws_ssm_parameter.secret["rds-password"]
  to   = aws_ssm_parameter.rds_password["rds"]
}

locals {
  database_name = "lablink-${local.name}"
  # The major version; RDS brings in the minor ones.
  postgres = "17"
}

resource "aws_db_parameter_group" "allocator" {
  for_each = local.rds

  name        = "${local.database_name}-postgres${local.postgres}"
  description = "LabLink allocator ${local.name}"
  family      = "postgres${local.postgres}"

  # Nobody without TLS, whatever AWS's default becomes.
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # Before the old version's goes, which is in use until then.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "database" {
  #checkov:skip=CKV_AWS_158:encrypted by CloudWatch
  #checkov:skip=CKV_AWS_338:var.log_retention_days decides
  for_each = local.rds

  name              = "/aws/rds/instance/${local.database_name}/postgresql"
  retention_in_days = var.log_retention_days
}
