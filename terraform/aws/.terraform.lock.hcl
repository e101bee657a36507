# Which version of each provider is taken. Checksums are added by `make lock-providers`.

provider "registry.terraform.io/hashicorp/aws" {
  version     = "6.69.1"
  constraints = "~> 6.0"
}

provider "registry.terraform.io/hashicorp/time" {
  version     = "0.14.2"
  constraints = "~> 0.12"
}

provider "registry.terraform.io/hashicorp/tls" {
  version     = "4.4.1"
  constraints = "~> 4.0"
}
