variable "vms" {
  description = "The VMs that shall exist, by hostname; number is the VM's place in lists, from 1."
  type        = map(object({ number = number }))
  default     = {}
  nullable    = false

  # The hostname becomes a folder's name.
  validation {
    condition     = alltrue([for hostname in keys(var.vms) : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$", hostname))])
    error_message = "Each hostname must be a DNS name in lower case, as in lablink-vm-dev-1."
  }
  validation {
    condition     = alltrue([for vm in values(var.vms) : vm.number >= 1 && floor(vm.number) == vm.number])
    error_message = "Each number must be a whole number from 1."
  }
  validation {
    condition     = length(distinct([for vm in values(var.vms) : vm.number])) == length(var.vms)
    error_message = "Each VM needs a number of its own."
  }
}

variable "enrolment_tokens" {
  description = "One-time enrolment tokens by hostname, for VMs that this apply creates. Never stored."
  type        = map(string)
  default     = {}
  ephemeral   = true
  nullable    = false
}

variable "local_dir" {
  description = "Absolute path of the folder that holds one folder per VM; made when missing."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.local_dir, "/")
    error_message = "local_dir must be an absolute path, as in /var/lib/lablink/vms."
  }
}

variable "agent_program" {
  description = "The lablink-client program: an absolute path, or a name that is looked up in PATH."
  type        = string
  default     = "lablink-client"
  nullable    = false
}

variable "remote_desktop_program" {
  description = "Absolute path of what agents start for a claim; null: the stand-in beside this module."
  type        = string
  default     = null

  validation {
    condition     = var.remote_desktop_program == null || startswith(coalesce(var.remote_desktop_program, "/"), "/")
    error_message = "remote_desktop_program must be an absolute path."
  }
}
