# The twelve runtime variables, the same for every module that makes client VMs.

variable "allocator_url" {
  description = "Where agents reach the allocator, as in https://lablink.example.org."
  type        = string
  sensitive   = true
  nullable    = false

  validation {
    condition     = can(regex("^https?://[^/[:space:]]+[^[:space:]]*$", var.allocator_url))
    error_message = "allocator_url must start with http:// or https:// and name a host."
  }
}

variable "subject_software" {
  description = "Program whose running means that a VM is in use; empty: not watched."
  type        = string
  default     = "sleap"
  nullable    = false
}

variable "allocator_ip" {
  description = "Public IPv4 address of the allocator, which may use SSH; empty: see allocator_security_group_id."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false

  validation {
    condition     = var.allocator_ip == "" || can(cidrnetmask("${var.allocator_ip}/32"))
    error_message = "allocator_ip must be an IPv4 address, as in 203.0.113.7, or empty."
  }
}

variable "machine_type" {
  description = "EC2 instance type of new VMs."
  type        = string
  default     = "t2.medium"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", var.machine_type))
    error_message = "machine_type must be an EC2 instance type, as in g4dn.xlarge."
  }
}

variable "image_name" {
  description = "Container image of the client, with its tag or digest."
  type        = string
  nullable    = false

  # It becomes an argument of docker: nothing in it may look like an option.
  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._:/@-]*$", var.image_name))
    error_message = "image_name must be an image reference, as in ghcr.io/owner/image:tag."
  }
}

variable "repository" {
  description = "Git repository that the client clones onto the desktop; empty: none."
  type        = string
  default     = ""
  nullable    = false
}

variable "client_ami_id" {
  description = "Machine image of new VMs: Ubuntu with Docker, for GPUs also with NVIDIA's driver and container toolkit. Ids belong to one region."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ami-[0-9a-f]+$", var.client_ami_id))
    error_message = "client_ami_id must be an AMI's id, as in ami-0123456789abcdef0."
  }
}

variable "resource_suffix" {
  description = "Environment, which resources are named and tagged after."
  type        = string
  default     = "client"
  nullable    = false

  # 64 characters are the limit for a role's name.
  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$", var.resource_suffix))
    error_message = "resource_suffix must be 1 to 32 lower-case letters, digits and hyphens."
  }
}

variable "gpu_support" {
  description = "Whether machine_type has an NVIDIA GPU that the client's container shall use."
  type        = bool
  default     = false
  nullable    = false
}

variable "cloud_init_output_log_group" {
  description = "CloudWatch log group, which must exist already, that VMs write their logs to; empty: VMs send them to the allocator themselves, and get no role."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_./#-]{0,512}$", var.cloud_init_output_log_group))
    error_message = "cloud_init_output_log_group must be a log group's name: letters, digits and _ . / # -"
  }
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "us-west-2"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "region must be an AWS region, as in us-west-2."
  }
}

variable "startup_on_error" {
  description = "What a failing startup script does to its VM: 'continue' warns, 'fail' ends it with status error."
  type        = string
  default     = "continue"
  nullable    = false

  validation {
    condition     = contains(["continue", "fail"], var.startup_on_error)
    error_message = "startup_on_error must be 'continue' or 'fail'."
  }
}
