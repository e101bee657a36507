terraform {
  # Write-only arguments, which keep the secrets out of the state, and S3's own lock came with 1.11.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }
}

provider "aws" {
  region = module.settings.settings.region

  default_tags {
    tags = local.tags
  }
}
