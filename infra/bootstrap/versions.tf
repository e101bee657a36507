# State of its own, on the machine that runs it: it makes the place where all other state lies.
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

provider "aws" {
  region = local.settings.region

  default_tags {
    tags = merge(var.tags, { ManagedBy = "lablink-bootstrap" })
  }
}
