# What every test starts from.
allocator_ip                = "203.0.113.7"
allocator_url               = "https://lablink.example.org"
machine_type                = "g4dn.xlarge"
image_name                  = "ghcr.io/example/client:1"
repository                  = ""
client_ami_id               = "ami-0123456789abcdef0"
subject_software            = "sleap"
resource_suffix             = "test"
gpu_support                 = "true"
cloud_init_output_log_group = "lablink-cloud-init-test"
region                      = "us-west-2"
startup_on_error            = "continue"
custom_startup_script_path  = "/nowhere/custom-startup.sh"

vms = {
  lablink-vm-test-10 = { number = 10 }
  lablink-vm-test-9  = { number = 9 }
  lablink-vm-test-8  = { number = 8 }
}
enrolment_tokens = { lablink-vm-test-8 = "one-time" }
