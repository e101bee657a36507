# No provider: what it renders can be looked at and tried on any machine.
terraform {
  required_version = ">= 1.11"
}
