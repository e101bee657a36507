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
