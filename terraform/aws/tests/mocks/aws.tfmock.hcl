# What AWS answers in tests.

mock_data "aws_vpc" {
  defaults = { id = "vpc-0default" }
}

mock_data "aws_subnets" {
  defaults = { ids = ["subnet-0b", "subnet-0a"] }
}

mock_data "aws_subnet" {
  defaults = { vpc_id = "vpc-0given", availability_zone = "us-west-2a" }
}

mock_data "aws_ec2_instance_type_offerings" {
  defaults = { locations = ["us-west-2a", "us-west-2b"] }
}

mock_data "aws_partition" {
  defaults = { partition = "aws" }
}

mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_data "aws_iam_policy_document" {
  defaults = { json = "{}" }
}

mock_resource "aws_instance" {
  defaults = {
    public_ip         = "198.51.100.1"
    private_ip        = "10.0.0.1"
    availability_zone = "us-west-2a"
  }
}
