output "files" {
  description = "The texts of the files that the host gets, by path."
  value       = { for file in local.files : file.path => file.text }
}

output "cloud_config" {
  description = "The host's cloud-init configuration, to be looked at."
  value       = local.cloud_config
}

output "user_data_base64" {
  description = "The same, compressed, as EC2 takes it."
  value       = local.compressed

  # EC2 counts what the Base64 stands for.
  precondition {
    condition     = length(local.compressed) * 3 / 4 <= 16384
    error_message = "The host's user data is larger than the 16 KiB that EC2 takes: shorten the startup script, or let it download its larger part."
  }
}
