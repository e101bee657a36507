# How long AWS took to make each VM: the start is that of the apply which made it.

resource "time_static" "start" {
  for_each = var.vms
}

resource "time_static" "end" {
  for_each = var.vms
  triggers = { instance = aws_instance.vm[each.key].id }
}

locals {
  apply_seconds = {
    for hostname, end in time_static.end : hostname => end.unix - time_static.start[hostname].unix
  }
}
