output "allocator_url" {
  description = "Where people, VMs and the log forwarder reach the allocator."
  value       = local.url
}

output "allocator_fqdn" {
  description = "The host in that URL: a name, or the address where there is none."
  value       = local.public_host
}

output "ec2_public_ip" {
  description = "The host's lasting address; N/A with several. A record made elsewhere points to it, but with ssl.provider: acm to alb_dns_name."
  value       = local.several ? "N/A" : local.public_ip
}

output "alb_dns_name" {
  description = "The load balancer's name; N/A without one."
  value       = try(aws_lb.allocator["acm"].dns_name, "N/A")
}

output "instance_id" {
  description = "The host, for `aws ssm start-session --target`; N/A with several, which instances_command lists."
  value       = try(aws_instance.host[0].id, "N/A")
}

output "instances_command" {
  description = "Lists the hosts that run at the moment."
  value       = "aws ec2 describe-instances --region ${local.region} --filters Name=tag:Name,Values=${local.host_name} Name=instance-state-name,Values=running --query Reservations[].Instances[].InstanceId --output text"
}

output "allocator_instance_type" {
  description = "The host's EC2 type."
  value       = var.instance_type
}

output "data_volume_id" {
  description = "The volume with the host's data; N/A with several, which keep none."
  value       = try(aws_ebs_volume.data[0].id, "N/A")
}

output "database_address" {
  description = "Where RDS answers; N/A for the embedded database."
  value       = try(aws_db_instance.allocator["rds"].address, "N/A")
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

output "metrics_token_command" {
  description = "Prints the bearer token for Prometheus, which /metrics asks for, to who may read it."
  value       = "aws ssm get-parameter --region ${local.region} --name ${local.secrets_path}/metrics-token --with-decryption --query Parameter.Value --output text"
}

output "access_code_command" {
  description = "Prints what participants enter beside their e-mail, to who may read it; N/A where nothing is asked for."
  value       = local.settings.has_access_code ? "aws ssm get-parameter --region ${local.region} --name ${local.secrets_path}/access-code --with-decryption --query Parameter.Value --output text" : "N/A"
}
