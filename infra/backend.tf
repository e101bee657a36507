# The bucket that bootstrap/ makes; ./init fills in which, where and under what key.
terraform {
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
