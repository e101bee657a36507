# Ephemeral: neither a plan nor the state holds them. Given as TF_VAR_…, so that no argument list
# does either. An empty one counts as absent: that is how CI passes a secret that nobody set.

variable "admin_password" {
  description = "The organiser's password, up to 72 bytes; null or empty: one is made."
  type        = string
  default     = null
  ephemeral   = true

  validation {
    condition     = var.admin_password == null || can(regex("^([!-~]{8,72})?$", var.admin_password))
    error_message = "admin_password must be 8 to 72 visible ASCII characters without spaces."
  }
}

variable "db_password" {
  description = "The database's password; null or empty: one is made."
  type        = string
  default     = null
  ephemeral   = true

  # Safe in a connection's URL as it stands.
  validation {
    condition     = var.db_password == null || can(regex("^([A-Za-z0-9_.~-]{8,128})?$", var.db_password))
    error_message = "db_password must be 8 to 128 letters, digits, '_', '.', '~' and '-'."
  }
}

variable "access_code" {
  description = "What participants enter beside their e-mail, where config.yaml has app.access_code: PLACEHOLDER_ACCESS_CODE; null or empty: one is made."
  type        = string
  default     = null
  ephemeral   = true

  # Shorter ones are found by trying.
  validation {
    condition     = var.access_code == null || can(regex("^(|[^[:cntrl:]]{6,100})$", var.access_code))
    error_message = "access_code must have 6 to 100 characters, in one line."
  }
}

variable "secrets_version" {
  description = "Raise it by one to write the secrets anew: those given, and new ones for the others. 1 writes them once."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.secrets_version >= 1 && floor(var.secrets_version) == var.secrets_version
    error_message = "secrets_version must be a whole number from 1."
  }
}
