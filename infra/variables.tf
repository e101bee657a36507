variable "resource_suffix" {
  description = "Name of the deployment, such as dev, test, ci-test or prod. Part of every name."
  type        = string
  nullable    = false
}

variable "config_path" {
  description = "The deployment's config.yaml, from which everything else comes."
  type        = string
  default     = "../config/config.yaml"
  nullable    = false
}

variable "tags" {
  description = "Further tags for everything; Owner and CostCenter reach the client VMs too."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setintersection(keys(var.tags), ["Name", "Environment", "ManagedBy"])) == 0
    error_message = "Name, Environment and ManagedBy are set by this module: rights depend on them."
  }
}

# --- The host

variable "instance_type" {
  description = "EC2 type of the allocator's host, x86-64 and of the Nitro kind."
  type        = string
  default     = "t3.large"
  nullable    = false
}

variable "ami_id" {
  description = "Amazon Linux 2023 image of the host; null: the newest when the host is made."
  type        = string
  default     = null

  validation {
    condition     = var.ami_id == null || can(regex("^ami-[0-9a-f]+$", var.ami_id))
    error_message = "ami_id must start with ami-."
  }
}

variable "allocator_image" {
  description = "The allocator's container image without its tag, which is allocator.image_tag in config.yaml."
  type        = string
  default     = "ghcr.io/talmolab/lablink-allocator-image"
  nullable    = false
}

variable "proxy_image" {
  description = "Caddy's container image, 2.7 or newer, by its digest: a tag alone may come to mean another image."
  type        = string
  default     = "docker.io/library/caddy:2.10.2@sha256:c3d7ee5d2b11f9dc54f947f68a734c84e9c9666c92c88a7f30b9cba5da182adb"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}$", var.proxy_image))
    error_message = "proxy_image must name an image with its digest, as in docker.io/library/caddy:2.10.2@sha256:…"
  }
}

variable "termination_protection" {
  description = "Whether AWS refuses to terminate the one host and to delete the load balancer until this is false again."
  type        = bool
  default     = false
  nullable    = false
}

variable "abandon_vms" {
  description = "Whether `terraform destroy` may leave the allocator's VMs behind, which then cost until somebody ends them by hand. Counts once it was applied."
  type        = bool
  default     = false
  nullable    = false
}

# --- Network

variable "vpc_id" {
  description = "VPC of the host; null: the region's default VPC."
  type        = string
  default     = null
}

variable "subnet_ids" {
  description = "Public subnets: the host is in the first, the load balancer in all, several hosts in all; empty: the VPC's, by id, of the default VPC its default ones."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "ssh_cidrs" {
  description = "Networks that may reach the host by SSH (EC2 Instance Connect); empty: nobody, and SSM Session Manager is the way in."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.ssh_cidrs : can(cidrnetmask(cidr)) && try(tonumber(split("/", cidr)[1]) >= 8, false)])
    error_message = "Each of ssh_cidrs must be an IPv4 network such as 198.51.100.0/24, and none may be larger than a /8."
  }
}

variable "cloudflare_networks" {
  description = "Addresses of Cloudflare's proxies (https://www.cloudflare.com/ips-v4), the only callers with ssl.provider: cloudflare."
  type        = list(string)
  default = [
    "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "104.16.0.0/13", "104.24.0.0/14",
    "108.162.192.0/18", "131.0.72.0/22", "141.101.64.0/18", "162.158.0.0/15", "172.64.0.0/13",
    "173.245.48.0/20", "188.114.96.0/20", "190.93.240.0/20", "197.234.240.0/22", "198.41.128.0/17",
  ]
  nullable = false

  validation {
    condition     = length(var.cloudflare_networks) > 0 && alltrue([for cidr in var.cloudflare_networks : can(cidrnetmask(cidr))])
    error_message = "cloudflare_networks must be IPv4 networks, at least one."
  }
}

# --- Data

variable "data_volume_gib" {
  description = "Size of the volume with the database and Terraform's local state, in GiB. It can only grow."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.data_volume_gib >= 8 && floor(var.data_volume_gib) == var.data_volume_gib
    error_message = "data_volume_gib must be a whole number from 8."
  }
}

variable "restore_snapshot_id" {
  description = "Snapshot that the data volume is made from; null: an empty one. A change replaces the volume."
  type        = string
  default     = null

  validation {
    condition     = var.restore_snapshot_id == null || can(regex("^snap-[0-9a-f]+$", var.restore_snapshot_id))
    error_message = "restore_snapshot_id must start with snap-."
  }
}

variable "snapshot_hours" {
  description = "Hours from one snapshot of the data volume to the next."
  type        = number
  default     = 24
  nullable    = false

  validation {
    condition     = contains([1, 2, 3, 4, 6, 8, 12, 24], var.snapshot_hours)
    error_message = "snapshot_hours must be 1, 2, 3, 4, 6, 8, 12 or 24."
  }
}

variable "snapshots_kept" {
  description = "How many snapshots of the data volume are kept."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.snapshots_kept >= 1 && var.snapshots_kept <= 1000
    error_message = "snapshots_kept must be from 1 to 1000."
  }
}

# --- Logs

variable "log_forwarder_zip" {
  description = "The log forwarder's Lambda package: a zip with the program `bootstrap`, for x86-64."
  type        = string
  default     = "../target/lambda/bootstrap/bootstrap.zip"
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that the logs of VMs and of the allocator are kept in CloudWatch."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of CloudWatch's: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, …"
  }
}

variable "alarm_topic_arn" {
  description = "SNS topic that is told of a host that fails, log lines that are lost, behind a load balancer an allocator that is not ready, and of RDS that is full, busy or has too many connections; null: no alarms."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:aws[a-z-]*:sns:", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must be the ARN of an SNS topic."
  }
}
