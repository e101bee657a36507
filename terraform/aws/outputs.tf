locals {
  by_number = { for hostname, vm in var.vms : format("%09d", vm.number) => hostname }
  # Maps are walked in the order of their keys.
  sorted = values(local.by_number)
}

output "vms" {
  description = "The VMs by hostname: id, public_ip (empty without one), private_ip, number, and availability_zone."
  value = {
    for hostname, vm in aws_instance.vm : hostname => {
      id                = vm.id
      public_ip         = vm.public_ip
      private_ip        = vm.private_ip
      number            = var.vms[hostname].number
      availability_zone = vm.availability_zone
    }
  }
}

output "zones" {
  description = "Zones that a VM can be made in, by machine type, of machine_type and other_machine_types."
  value       = local.zones
}

output "vm_instance_ids" {
  description = "Ids of the VMs, by number."
  value       = [for hostname in local.sorted : aws_instance.vm[hostname].id]
}

output "vm_public_ips" {
  description = "Public addresses of the VMs, by number; empty for a VM without one."
  value       = [for hostname in local.sorted : aws_instance.vm[hostname].public_ip]
}

output "vm_instance_names" {
  description = "Hostnames of the VMs, by number."
  value       = local.sorted
}

output "lablink_private_key_pem" {
  description = "Private key for SSH to every VM, user ubuntu, in OpenSSH's format."
  value       = tls_private_key.vm.private_key_openssh
  sensitive   = true
}

output "terraform_apply_avg_seconds" {
  description = "Mean time to make a VM, in whole seconds, rounded down; 0 without VMs."
  value       = length(local.apply_seconds) == 0 ? 0 : floor(sum(values(local.apply_seconds)) / length(local.apply_seconds))
}

output "terraform_apply_max_seconds" {
  description = "Longest time to make a VM, in seconds; 0 without VMs."
  value       = max(0, values(local.apply_seconds)...)
}

output "terraform_apply_min_seconds" {
  description = "Shortest time to make a VM, in seconds; 0 without VMs."
  value       = length(local.apply_seconds) == 0 ? 0 : min(values(local.apply_seconds)...)
}

output "instance_terraform_apply_times" {
  description = "How long each VM took to make, by hostname: seconds, formatted, and RFC 3339 start_time and end_time."
  value = {
    for hostname, seconds in local.apply_seconds : hostname => {
      seconds    = seconds
      formatted  = format("%02dh:%02dm:%02ds", floor(seconds / 3600), floor(seconds % 3600 / 60), seconds % 60)
      start_time = time_static.start[hostname].rfc3339
      end_time   = time_static.end[hostname].rfc3339
    }
  }
}
