# The key that the allocator fetches results with. It lies in the state, which must be private.

resource "tls_private_key" "vm" {
  algorithm = "ED25519"
}

resource "aws_key_pair" "vm" {
  key_name   = "lablink_key_pair_client_${local.suffix}"
  public_key = tls_private_key.vm.public_key_openssh
  tags       = local.tags
}
