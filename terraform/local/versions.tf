# Only the built-in terraform_data: `terraform init` downloads nothing.
terraform {
  # Ephemeral variables came with 1.10.
  required_version = ">= 1.10"
}
