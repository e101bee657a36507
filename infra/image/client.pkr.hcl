# A machine image for client VMs with all that terraform/aws would otherwise fetch at each first boot.
# Its base has Docker, NVIDIA's driver and container toolkit already.

packer {
  required_version = ">= 1.10"

  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = "~> 1.3"
    }
  }
}

variable "region" {
  description = "AWS region of the image: that of app.region."
  type        = string
  default     = "us-west-2"
}

variable "client_image" {
  description = "Container image of the client, as machine.image says it, best with its digest."
  type        = string
}

variable "base_name" {
  description = "Name of the base image, of which the newest is taken."
  type        = string
  default     = "Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04) *"
}

variable "base_owner" {
  description = "Account that the base image belongs to."
  type        = string
  default     = "amazon"
}

variable "machine_type" {
  description = "EC2 type of the machine that makes the image, of the VMs' architecture."
  type        = string
  default     = "g4dn.xlarge"
}

variable "root_volume_gb" {
  description = "Size of the image's disk in GiB. machine.root_volume_gb can't be smaller."
  type        = number
  default     = 80
}

variable "subnet_id" {
  description = "Subnet with a way out; empty: one of the default VPC."
  type        = string
  default     = ""
}

source "amazon-ebs" "client" {
  region        = var.region
  instance_type = var.machine_type
  subnet_id     = var.subnet_id
  ssh_username  = "ubuntu"
  ami_name      = "lablink-client-${formatdate("YYYYMMDD-hhmmss", timestamp())}"
  encrypt_boot  = true

  ami_description = "LabLink client VM with ${var.client_image}"

  source_ami_filter {
    owners      = [var.base_owner]
    most_recent = true
    filters = {
      name                = var.base_name
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
  }

  launch_block_device_mappings {
    device_name           = "/dev/sda1"
    volume_size           = var.root_volume_gb
    volume_type           = "gp3"
    delete_on_termination = true
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  imds_support = "v2.0"

  tags = {
    Name      = "lablink-client"
    ManagedBy = "lablink-image"
    Client    = var.client_image
  }
  run_tags = {
    Name      = "lablink-image"
    ManagedBy = "lablink-image"
  }
}

build {
  sources = ["source.amazon-ebs.client"]

  provisioner "shell" {
    script           = "${path.root}/prepare"
    environment_vars = ["CLIENT_IMAGE=${var.client_image}", "REGION=${var.region}"]
    execute_command  = "sudo env {{ .Vars }} bash {{ .Path }}"
  }
}
