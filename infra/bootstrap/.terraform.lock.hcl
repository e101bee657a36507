# Which version of each provider is taken. Checksums are added by `make lock-providers`.

provider "registry.terraform.io/hashicorp/aws" {
  version     = "6.69.1"
  constraints = "~> 6.0"
}
