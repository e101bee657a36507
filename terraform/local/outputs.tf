locals {
  by_number = {
    for hostname, vm in terraform_data.vm : format("%09d", vm.input.number) => hostname
  }
  # Maps are walked in the order of their keys.
  sorted = values(local.by_number)
}

output "vms" {
  description = "The VMs by hostname: id, public_ip, private_ip, number, and directory, the VM's folder."
  value = {
    for hostname, vm in terraform_data.vm : hostname => {
      id         = vm.id
      public_ip  = "127.0.0.1"
      private_ip = "127.0.0.1"
      number     = vm.input.number
      directory  = vm.input.directory
    }
  }
}

output "vm_instance_ids" {
  description = "Ids of the VMs, by number."
  value       = [for hostname in local.sorted : terraform_data.vm[hostname].id]
}

output "vm_public_ips" {
  description = "Addresses of the VMs, by number."
  value       = [for hostname in local.sorted : "127.0.0.1"]
}

output "vm_instance_names" {
  description = "Hostnames of the VMs, by number."
  value       = local.sorted
}
