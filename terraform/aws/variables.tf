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

variable "agent_auth" {
  description = "The allocator's LABLINK_AGENT_AUTH: with 'required', no VM is made without an enrolment token."
  type        = string
  default     = "open"
  nullable    = false

  validation {
    condition     = contains(["required", "open"], var.agent_auth)
    error_message = "agent_auth must be 'required' or 'open'."
  }
}

variable "deployment_name" {
  description = "Name of this deployment among others of the account, in the name and the tag Deployment of all that is made; empty: none. Fixed while anything exists."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z]([a-z0-9-]*[a-z0-9])?)?$", var.deployment_name))
    error_message = "deployment_name must consist of lower-case letters, digits and hyphens, and begin with a letter."
  }
  # 31 of a role's 64 characters are its beginning.
  validation {
    condition     = var.deployment_name == "" || length(var.deployment_name) + length(var.resource_suffix) <= 32
    error_message = "deployment_name and resource_suffix may have 32 characters together."
  }
}

variable "pool" {
  description = "Slug of the pool that the VMs belong to, in the name and the tag Pool of all that is made; empty: the default pool. Fixed while anything exists."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?)?$", var.pool))
    error_message = "pool must be 1 to 30 lower-case letters, digits and hyphens."
  }
  # The beginning of a role's name, which rights depend on, must survive its shortening.
  validation {
    condition     = var.pool == "" || length(var.deployment_name) + length(var.resource_suffix) <= 22
    error_message = "With a pool, deployment_name and resource_suffix may have 22 characters together."
  }
}

variable "operation" {
  description = "Id of the operation that makes VMs, for their tag Operation; VMs that exist keep theirs. Empty: no tag."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{0,64}$", var.operation))
    error_message = "operation must be up to 64 letters, digits, '_' and '-'."
  }
}

variable "custom_startup_script_path" {
  description = "Script that the client runs before it is ready; where there is no such file, none."
  type        = string
  default     = "/config/custom-startup.sh"
  nullable    = false
}

variable "startup_attempts" {
  description = "How often the startup script is tried before it counts as failed, with pauses that grow."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.startup_attempts >= 1 && var.startup_attempts <= 10 && floor(var.startup_attempts) == var.startup_attempts
    error_message = "startup_attempts must be a whole number from 1 to 10."
  }
}

variable "startup_success_check" {
  description = "Command for bash that says after each try whether the startup script did its work: it must end with 0. Empty: the script's own exit status says it."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = length(var.startup_success_check) <= 1000
    error_message = "startup_success_check may have 1000 characters: put more into the startup script."
  }
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

variable "other_machine_types" {
  description = "EC2 instance types that VMs may be made of where machine_type is not to be had; see placements."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for type in var.other_machine_types : can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", type))])
    error_message = "Each of other_machine_types must be an EC2 instance type, as in g4dn.xlarge."
  }
}

variable "placements" {
  description = "By hostname, how to make a VM so that it does not meet a shortage again: in this zone, and of this type. Absent: of machine_type, in the zone that its number gives. VMs that exist stay as they are."
  type        = map(object({ availability_zone = optional(string), machine_type = optional(string) }))
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for place in values(var.placements) :
      contains(concat([var.machine_type], var.other_machine_types), coalesce(place.machine_type, var.machine_type))
    ])
    error_message = "Each machine_type in placements must be the variable machine_type or one of other_machine_types."
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
