# What cloud-init finds on a new VM: files, and the one command that uses them. Whatever a value
# holds, it stays a value: files travel inside JSON, which is YAML too, those of others as base64, and
# settings are quoted for bash. Ours are text, which leaves more of EC2's limit for the organiser's.

locals {
  settings = {
    ALLOCATOR_HOST         = var.allocator_ip
    ALLOCATOR_URL          = var.allocator_url
    AWS_REGION             = var.region
    CLOUD_INIT_LOG_GROUP   = var.cloud_init_output_log_group
    GPU_SUPPORT            = tostring(var.gpu_support)
    IMAGE_NAME             = var.image_name
    STARTUP_ATTEMPTS       = tostring(var.startup_attempts)
    STARTUP_ON_ERROR       = var.startup_on_error
    STARTUP_SUCCESS_CHECK  = var.startup_success_check
    SUBJECT_SOFTWARE       = var.subject_software
    TUTORIAL_REPO_TO_CLONE = var.repository
  }

  startup_script = fileexists(var.custom_startup_script_path) ? filebase64(var.custom_startup_script_path) : ""

  user_data = {
    for hostname, vm in var.vms : hostname => base64gzip(join("\n", ["#cloud-config", jsonencode({
      write_files = [
        for path, file in {
          "/etc/lablink/vm.env" = {
            mode    = "0600"
            content = base64encode(templatefile("${path.module}/vm.env.tftpl", { settings = merge(local.settings, { VM_NAME = hostname }) }))
          }
          "/var/lib/lablink-client/enrolment-token" = {
            mode    = "0600"
            content = base64encode(lookup(var.enrolment_tokens, hostname, ""))
          }
          "/etc/config/custom-startup.sh" = { mode = "0755", content = local.startup_script }
          "/etc/systemd/system/lablink-metadata.service" = {
            mode     = "0644"
            encoding = "text/plain"
            content  = file("${path.module}/lablink-metadata.service")
          }
          "/usr/local/sbin/lablink-start-vm" = {
            mode     = "0700"
            encoding = "text/plain"
            content  = file("${path.module}/user-data.sh")
          }
        } : { path = path, permissions = file.mode, encoding = try(file.encoding, "b64"), content = file.content }
      ]
      runcmd = [["/usr/local/sbin/lablink-start-vm"]]
    }), ""]))
  }
}
