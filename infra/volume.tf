# Database (unless it is RDS), certificates and Terraform's local state: what outlives the one host.
resource "aws_ebs_volume" "data" {
  #checkov:skip=CKV_AWS_189:encrypted with the account's EBS key; a key of its own adds no reader less
  count = local.single

  availability_zone = data.aws_subnet.host.availability_zone
  size              = var.data_volume_gib
  type              = "gp3"
  encrypted         = true
  snapshot_id       = var.restore_snapshot_id
  final_snapshot    = true
  tags              = { Name = "lablink-data-${local.name}", Snapshot = "lablink-${local.name}" }

  # As with the host's subnet.
  lifecycle {
    ignore_changes = [availability_zone]
  }
}

resource "aws_volume_attachment" "data" {
  count = local.single

  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.data[0].id
  instance_id = aws_instance.host[0].id

  # Postgres is stopped before its disk goes.
  stop_instance_before_detaching = true
}
