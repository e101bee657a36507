# Of db.kind: rds alone.

variable "database_instance_class" {
  description = "RDS's class of the database."
  type        = string
  default     = "db.t4g.small"
  nullable    = false

  validation {
    condition     = can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9-]+$", var.database_instance_class))
    error_message = "database_instance_class must be a class of RDS, such as db.t4g.small."
  }
}

variable "database_storage_gib" {
  description = "Storage of the database in GiB. RDS lets it grow to five times that; it never shrinks."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.database_storage_gib >= 20 && var.database_storage_gib <= 13107 && floor(var.database_storage_gib) == var.database_storage_gib
    error_message = "database_storage_gib must be a whole number from 20 to 13107."
  }
}

variable "database_multi_az" {
  description = "Whether a second database in another zone stands by, at twice the price."
  type        = bool
  default     = true
  nullable    = false
}

variable "database_backup_days" {
  description = "Days that RDS's backups are kept, from which any minute within can be restored."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.database_backup_days >= 1 && var.database_backup_days <= 35 && floor(var.database_backup_days) == var.database_backup_days
    error_message = "database_backup_days must be a whole number from 1 to 35."
  }
}

variable "database_deletion_protection" {
  description = "Whether AWS refuses to delete the database until this is false again."
  type        = bool
  default     = true
  nullable    = false
}

variable "database_restore_snapshot_id" {
  description = "Snapshot that a new database is made from; null: an empty one. Of no effect on one that exists."
  type        = string
  default     = null

  validation {
    condition     = var.database_restore_snapshot_id == null || can(regex("^(arn:aws[a-z-]*:rds:.+|rds:)?[A-Za-z][A-Za-z0-9-]*$", var.database_restore_snapshot_id))
    error_message = "database_restore_snapshot_id must be the name or ARN of a snapshot of RDS."
  }
}

variable "database_cidrs" {
  description = "Networks for the database's two subnets, free ones of the VPC; empty: its last two of 16 addresses."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = contains([0, 2], length(var.database_cidrs)) && alltrue([for cidr in var.database_cidrs : can(cidrnetmask(cidr))])
    error_message = "database_cidrs must be two IPv4 networks, or none."
  }
}

variable "rds_ca_url" {
  description = "Where the certificates of RDS's authorities are fetched from; other partitions of AWS have others."
  type        = string
  default     = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
  nullable    = false

  validation {
    condition     = can(regex("^https://[^\\s']+$", var.rds_ca_url))
    error_message = "rds_ca_url must start with https://."
  }
}
