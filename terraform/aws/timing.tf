# How long AWS took to make each VM: from the plan of the apply that made it. Both are made anew with
# the VM.

resource "time_static" "start" {
  for_each = var.vms
  # Not before the VM is there: one that AWS refuses for an hour takes as long as the try that made it.
  rfc3339 = aws_instance.vm[each.key].id == null ? null : plantimestamp()

  lifecycle {
    ignore_changes       = [rfc3339]
    replace_triggered_by = [time_static.end[each.key]]
  }
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
