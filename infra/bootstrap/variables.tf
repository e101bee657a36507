variable "config_path" {
  description = "A deployment's config.yaml, for bucket_name and app.region. Several may share a bucket."
  type        = string
  default     = "../../config/config.yaml"
  nullable    = false
}

variable "tags" {
  description = "Further tags, such as owner and cost centre."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "noncurrent_days" {
  description = "Days that an overwritten version of a state is kept."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days must be a whole number from 1."
  }
}

variable "github_repository" {
  description = "A repository (OWNER/NAME) whose workflows may deploy, in jobs with an environment; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.github_repository))
    error_message = "github_repository must be OWNER/NAME."
  }
}

variable "github_provider_arn" {
  description = "The account's provider for GitHub's sign-in, where it has one already; null: it is made."
  type        = string
  default     = null

  validation {
    condition     = var.github_provider_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.github_provider_arn))
    error_message = "github_provider_arn must be the ARN of an OIDC provider for token.actions.githubusercontent.com."
  }
}
