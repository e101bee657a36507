variable "config_path" {
  description = "The deployment's config.yaml, as `lablink-allocator validate-config` accepts it."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists(var.config_path)
    error_message = "config_path: the file ${var.config_path} was not found."
  }
}

variable "environment" {
  description = "Name of the deployment, such as dev, test, ci-test or prod. Part of every name."
  type        = string
  nullable    = false

  # A load balancer's name has 32 characters, of which lablink-alb- takes 12.
  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$", var.environment))
    error_message = "The environment must be 1 to 20 of a-z, 0-9 and '-', with no '-' at either end, such as dev, test or prod."
  }
}
