resource "terraform_data" "vm" {
  for_each = var.vms

  # What the VM's destruction needs; nothing here is secret.
  input = {
    directory = "${var.local_dir}/${each.key}"
    number    = each.value.number
  }

  # The folder's path follows `command`, so that no shell ever reads it.
  provisioner "local-exec" {
    interpreter = ["/usr/bin/env", "bash", "${path.module}/vm.sh", "start"]
    command     = self.input.directory
    environment = {
      VM_NAME                 = each.key
      ALLOCATOR_URL           = var.allocator_url
      SUBJECT_SOFTWARE        = var.subject_software
      LABLINK_AGENT_PROGRAM   = var.agent_program
      LABLINK_REMOTE_DESKTOP  = coalesce(var.remote_desktop_program, abspath("${path.module}/start-host"))
      LABLINK_ENROLMENT_TOKEN = lookup(var.enrolment_tokens, each.key, "")
    }
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["/usr/bin/env", "bash", "${path.module}/vm.sh", "remove"]
    command     = self.input.directory
  }

  lifecycle {
    # A VM stays as it was made, and its destruction finds the folder that it was made in.
    ignore_changes = [input]
  }
}
