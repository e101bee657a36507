variable "vms" {
  description = "The VMs that shall exist, by hostname; number is the VM's place in lists, from 1."
  type        = map(object({ number = number }))
  default     = {}
  nullable    = false

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
  description = "One-time enrolment tokens by hostname, for VMs that this apply creates. Kept in user data and state: they must die with their first use or soon after."
  type        = map(string)
  default     = {}
  sensitive   = true
  nullable    = false

  # The start script puts a token into JSON as it is.
  validation {
    condition     = alltrue([for token in values(var.enrolment_tokens) : can(regex("^[A-Za-z0-9_-]*$", token))])
    error_message = "Each enrolment token must consist of letters, digits, '_' and '-'."
  }
}

variable "custom_startup_script_path" {
  description = "Script that the client runs before it is ready; where there is no such file, none."
  type        = string
  default     = "/config/custom-startup.sh"
  nullable    = false
}

variable "vpc_id" {
  description = "VPC for the VMs; null: that of subnet_ids, else the region's default VPC, its default subnets."
  type        = string
  default     = null
}

variable "subnet_ids" {
  description = "Subnets that VMs are spread over, by number; empty: those of the VPC whose zones offer machine_type."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "availability_zones" {
  description = "Zones to keep to, as in us-west-2a, where subnet_ids is empty; empty: every zone that offers machine_type."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.availability_zones) == 0 || length(var.subnet_ids) == 0
    error_message = "Give availability_zones or subnet_ids: subnets have their zones already."
  }
}

variable "assign_public_ip" {
  description = "Whether VMs get a public address. Without one, their subnets need another way out, as a NAT gateway."
  type        = bool
  default     = true
  nullable    = false
}

variable "allocator_security_group_id" {
  description = "Security group of an allocator in the same VPC, which may use SSH on private addresses; null: none."
  type        = string
  default     = null
}

variable "root_volume_gb" {
  description = "Size of a VM's disk in GiB."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.root_volume_gb >= 8 && var.root_volume_gb <= 16384 && floor(var.root_volume_gb) == var.root_volume_gb
    error_message = "root_volume_gb must be a whole number from 8 to 16384."
  }
}

variable "kms_key_id" {
  description = "ARN of the KMS key that disks are encrypted with; null: the account's default key for EBS."
  type        = string
  default     = null
}

variable "spot" {
  description = "Make spot instances: cheaper, but AWS may take a VM away, with its data, two minutes after a warning. max_price in USD an hour; null: the on-demand price."
  type        = object({ max_price = optional(string) })
  default     = null

  validation {
    condition     = can(regex("^[0-9]+(\\.[0-9]+)?$", coalesce(try(var.spot.max_price, null), "0")))
    error_message = "spot.max_price must be a number of USD an hour, as in \"0.25\"."
  }
}

variable "permissions_boundary_arn" {
  description = "Policy that bounds the VMs' role, where the allocator may only make bounded roles; null: none."
  type        = string
  default     = null
}

variable "owner" {
  description = "Who answers for the VMs, for the tag Owner; empty: no tag."
  type        = string
  default     = ""
  nullable    = false
}

variable "cost_center" {
  description = "Who pays, for the tag CostCenter; empty: no tag."
  type        = string
  default     = ""
  nullable    = false
}
