# Cloud-init and the agents of the client VMs write here; the forwarder reads.
resource "aws_cloudwatch_log_group" "client_vms" {
  #checkov:skip=CKV_AWS_158:encrypted by CloudWatch; a key of its own would have to be shared with every VM
  #checkov:skip=CKV_AWS_338:var.log_retention_days decides; participants' logs are not kept longer than they are of use
  name              = "lablink-cloud-init-${local.name}"
  retention_in_days = var.log_retention_days

  # Everything would be made anew under another name, and what the allocator has made would be lost.
  lifecycle {
    ignore_changes = [name]

    postcondition {
      condition     = self.name == "lablink-cloud-init-${local.name}"
      error_message = "What exists here is ${trimprefix(self.name, "lablink-cloud-init-")}, and deployment_name and resource_suffix say ${local.name}. deployment_name can't be set, changed or removed while the deployment exists: take the earlier one back, or destroy the deployment with it first."
    }
  }
}

resource "aws_cloudwatch_log_group" "allocator" {
  #checkov:skip=CKV_AWS_158:encrypted by CloudWatch
  #checkov:skip=CKV_AWS_338:var.log_retention_days decides
  name              = "lablink-allocator-${local.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_cloudwatch_log_group" "forwarder" {
  #checkov:skip=CKV_AWS_158:encrypted by CloudWatch, and holds no line of the VMs
  #checkov:skip=CKV_AWS_338:of use only while a fault is looked for
  name              = "/aws/lambda/${local.forwarder}"
  retention_in_days = 14
}
