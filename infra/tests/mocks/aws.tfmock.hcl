# Values of the form that AWS gives, where something is computed from them.
mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}
mock_data "aws_partition" {
  defaults = { partition = "aws" }
}
mock_data "aws_iam_policy_document" {
  defaults = { json = "{}" }
}
mock_data "aws_vpc" {
  defaults = { id = "vpc-0123456789abcdef0", cidr_block = "172.31.0.0/16" }
}
mock_data "aws_subnets" {
  defaults = { ids = ["subnet-bbbb", "subnet-aaaa"] }
}
mock_data "aws_subnet" {
  defaults = { availability_zone = "us-west-2a", cidr_block = "172.31.0.0/20" }
}
mock_data "aws_availability_zones" {
  defaults = { names = ["us-west-2a", "us-west-2b", "us-west-2c"] }
}
mock_data "aws_ssm_parameter" {
  defaults = { value = "ami-0123456789abcdef0" }
}
mock_data "aws_eip" {
  defaults = { id = "eipalloc-persistent", public_ip = "198.51.100.7" }
}
mock_data "aws_route53_zones" {
  defaults = { ids = ["ZEXAMPLE"] }
}
mock_data "aws_route53_zone" {
  defaults = { zone_id = "ZEXAMPLE", name = "example.org" }
}
mock_resource "aws_eip" {
  defaults = { id = "eipalloc-dynamic", public_ip = "203.0.113.10" }
}
mock_resource "aws_ebs_volume" {
  defaults = { id = "vol-0123456789abcdef0" }
}
mock_resource "aws_instance" {
  defaults = { id = "i-0123456789abcdef0" }
}
mock_resource "aws_iam_policy" {
  defaults = { arn = "arn:aws:iam::123456789012:policy/boundary" }
}
mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/role" }
}
mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:us-west-2:123456789012:log-group:group" }
}
mock_resource "aws_lambda_function" {
  defaults = { arn = "arn:aws:lambda:us-west-2:123456789012:function:forwarder" }
}
mock_resource "aws_db_instance" {
  defaults = { address = "lablink-prod.abc.us-west-2.rds.amazonaws.com" }
}
mock_resource "aws_launch_template" {
  defaults = { id = "lt-0123456789abcdef0", latest_version = 1 }
}
mock_resource "aws_lb" {
  defaults = {
    arn      = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/lablink/1"
    dns_name = "lablink-alb.us-west-2.elb.amazonaws.com"
    zone_id  = "ZLOADBALANCER"
  }
}
mock_resource "aws_lb_target_group" {
  defaults = { arn = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/lablink/1" }
}
