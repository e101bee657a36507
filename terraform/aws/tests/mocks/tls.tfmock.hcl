mock_resource "tls_private_key" {
  defaults = { private_key_openssh = "the private key", public_key_openssh = "ssh-ed25519 AAAA" }
}
