# How long AWS took to make each VM: from the plan of the apply that made it. Both are made anew with
# the VM.

resource "time_static" "start" {
  for_each = var.vms
  rfc3339  = plantimestamp()

  # It waits for the VM with the end: one that AWS refuses for an hour takes as long as the try that
  # made it.
  lifecycle {
    ignore_changes       = [rfc3339]
    replace_triggered_by = [time_static.end[each.key]]
  }
}

resource "time_static" "end" {
  for_each = var.vms
  triggers = { instance = aws_instance.vm[each.key].id }

  lifecycle {
    # A VM that is to be made has the user data of this plan; one that exists keeps that of its first
    # apply, with its token. A condition of the VM's own would fail once more for one that AWS refuses.
    precondition {
      condition = var.agent_auth == "open" || nonsensitive(
        lookup(var.enrolment_tokens, each.key, "") != "" || aws_instance.vm[each.key].user_data_base64 != local.user_data[each.key]
      )
      error_message = "${each.key} does not exist any more, or was never enrolled, and enrolment_tokens has none for it: made now, it could never enrol. Replace it, or take it out."
    }
  }
}

locals {
  apply_seconds = {
    for hostname, end in time_static.end : hostname => end.unix - time_static.start[hostname].unix
  }
}
