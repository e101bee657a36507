output "allocator_url" {
  description = "Where people, VMs and the log forwarder reach the allocator."
  value       = local.url
}

output "allocator_fqdn" {
  description = "The host in that URL: a name, or the address where there is none."
  value       = local.public_host
}

output "ec2_public_ip" {
  description = "The host's lasting address. A record made elsewhere points to it, but with ssl.provider: acm to alb_dns_name."
  value       = local.address.public_ip
}

output "alb_dns_name" {
  description = "The load balancer's name; N/A without one."
  value       = try(aws_lb.allocator["acm"].dns_name, "N/A")
}

output "instance_id" {
  description = "The host, for `aws ssm start-session --target`."
  value       = aws_instance.host.id
}

output "allocator_instance_type" {
  description = "The host's EC2 type."
  value       = aws_instance.host.instance_type
}

output "data_volume_id" {
  description = "The volume with the database."
  value       = aws_ebs_volume.data.id
}

output "log_groups" {
  description = "CloudWatch log groups: of the VMs, the allocator and the log forwarder."
  value = {
    client_vms = aws_cloudwatch_log_group.client_vms.name
    allocator  = aws_cloudwatch_log_group.allocator.name
    forwarder  = aws_cloudwatch_log_group.forwarder.name
  }
}

output "admin_password_command" {
  description = "Prints the organiser's password to who may read it."
  value       = "aws ssm get-parameter --region ${local.region} --name ${local.secrets_path}/admin-password --with-decryption --query Parameter.Value --output text"
}
