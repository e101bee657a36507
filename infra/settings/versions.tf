# No provider: this module only reads the file, so its tests and `terraform console` need nothing.
terraform {
  required_version = ">= 1.11"
}
