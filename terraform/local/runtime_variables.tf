# The twelve runtime variables, the same for every module that makes client VMs.

variable "allocator_url" {
  description = "Where agents reach the allocator, as in http://localhost:5000."
  type        = string
  sensitive   = true
  nullable    = false

  validation {
    condition     = can(regex("^https?://[^/]+", var.allocator_url))
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
  description = "Public address of the allocator. Ignored here: agents use allocator_url."
  type        = string
  default     = ""
  sensitive   = true
}

variable "machine_type" {
  description = "Kind of machine. Ignored here: every VM is a process on this machine."
  type        = string
  default     = "t2.medium"
}

variable "image_name" {
  description = "Container image of the client. Ignored here: agent_program is started directly."
  type        = string
  default     = ""
}

variable "repository" {
  description = "Git repository cloned on the desktop. Ignored here."
  type        = string
  default     = ""
}

variable "client_ami_id" {
  description = "Machine image. Ignored here."
  type        = string
  default     = ""
}

variable "resource_suffix" {
  description = "Environment that resources are named after. Ignored here: hostnames hold it."
  type        = string
  default     = "client"
}

variable "gpu_support" {
  description = "Whether VMs have an NVIDIA GPU. Ignored here: VMs have what this machine has."
  type        = bool
  default     = false
}

variable "cloud_init_output_log_group" {
  description = "CloudWatch log group. Ignored here: an agent's log is agent.log in the VM's folder."
  type        = string
  default     = ""
}

variable "region" {
  description = "Cloud region. Ignored here."
  type        = string
  default     = "us-west-2"
}

variable "startup_on_error" {
  description = "What a failing startup script does to its VM. Ignored here: no script is run."
  type        = string
  default     = "continue"

  validation {
    condition     = contains(["continue", "fail"], var.startup_on_error)
    error_message = "startup_on_error must be 'continue' or 'fail'."
  }
}
