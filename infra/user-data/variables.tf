variable "environment" {
  description = "What the host's scripts and the containers need, by name. Nothing secret."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for name, value in var.environment : can(regex("^[A-Z][A-Z0-9_]*$", name)) && !can(regex("[\\r\\n]", value))])
    error_message = "Each name must be of A-Z, 0-9 and '_', and each value one line."
  }
}

variable "config_yaml" {
  description = "Text of the allocator's configuration. Nothing secret."
  type        = string
  nullable    = false
}

variable "module_override" {
  description = "Text of an override file for the allocator's copy of terraform/aws."
  type        = string
  nullable    = false
}

variable "startup_script" {
  description = "Text of the organiser's startup script for VMs; empty: none."
  type        = string
  nullable    = false
}

variable "proxy" {
  description = "Which Caddy stands before the allocator: none (plain HTTP), letsencrypt or cloudflare; null: no Caddy."
  type        = string

  validation {
    condition     = var.proxy == null || contains(["none", "letsencrypt", "cloudflare"], coalesce(var.proxy, "none"))
    error_message = "proxy must be none, letsencrypt, cloudflare or null."
  }
}
