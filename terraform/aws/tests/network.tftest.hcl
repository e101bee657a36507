# Where VMs are.
mock_provider "aws" {
  source = "./tests/mocks"
}
mock_provider "time" {
  source = "./tests/mocks"
}
mock_provider "tls" {
  source = "./tests/mocks"
}

run "vms_are_spread_over_the_zones_of_the_default_vpc" {
  command = plan

  assert {
    condition     = { for hostname, vm in aws_instance.vm : hostname => vm.subnet_id } == { lablink-vm-test-8 = "subnet-0b", lablink-vm-test-9 = "subnet-0a", lablink-vm-test-10 = "subnet-0b" }
    error_message = "Neighbouring numbers go to different subnets."
  }
  assert {
    condition     = data.aws_vpc.found[0].default && aws_security_group.vm.vpc_id == "vpc-0default"
    error_message = "Without a VPC, the default one is taken."
  }
  assert {
    condition     = one([for filter in data.aws_subnets.found[0].filter : filter.values if filter.name == "availability-zone"]) == toset(["us-west-2a", "us-west-2b"])
    error_message = "Only zones that offer the machine type are used."
  }
  assert {
    condition     = one([for filter in data.aws_subnets.found[0].filter : filter.values if filter.name == "default-for-az"]) == toset(["true"])
    error_message = "Of the default VPC, its own subnets: others may have no way out."
  }
}

run "zones_are_a_choice" {
  command = plan
  variables {
    availability_zones = ["us-west-2b"]
  }

  assert {
    condition     = one([for filter in data.aws_subnets.found[0].filter : filter.values if filter.name == "availability-zone"]) == toset(["us-west-2b"])
    error_message = "Only the zones given may be used."
  }
}

run "a_zone_without_the_machine_type_is_refused" {
  command = plan
  variables {
    availability_zones = ["us-west-2d"]
  }
  expect_failures = [data.aws_ec2_instance_type_offerings.by_zone]
}

run "a_machine_type_that_no_zone_offers_is_refused" {
  command = plan
  override_data {
    target = data.aws_ec2_instance_type_offerings.by_zone
    values = { locations = [] }
  }
  # The lookup of subnets waits for it.
  expect_failures = [data.aws_ec2_instance_type_offerings.by_zone]
}

run "a_vpc_without_a_subnet_is_refused" {
  command = plan
  override_data {
    target = data.aws_subnets.found
    values = { ids = [] }
  }
  expect_failures = [data.aws_subnets.found]
}

run "a_vpc_is_a_choice" {
  command = plan
  variables {
    vpc_id = "vpc-0chosen"
  }

  assert {
    condition     = data.aws_vpc.found[0].id == "vpc-0chosen" && aws_security_group.vm.vpc_id == "vpc-0chosen"
    error_message = "The VPC must be the one given."
  }
  assert {
    condition     = !contains([for filter in data.aws_subnets.found[0].filter : filter.name], "default-for-az")
    error_message = "No subnet of a chosen VPC is a default one."
  }
}

run "subnets_are_a_choice" {
  command = plan
  variables {
    subnet_ids = ["subnet-0y", "subnet-0x"]
  }

  assert {
    condition     = aws_instance.vm["lablink-vm-test-9"].subnet_id == "subnet-0y" && aws_instance.vm["lablink-vm-test-8"].subnet_id == "subnet-0x"
    error_message = "VMs are spread over the subnets given, in their order."
  }
  assert {
    condition     = aws_security_group.vm.vpc_id == "vpc-0given" && length(data.aws_subnets.found) == 0 && length(data.aws_vpc.found) == 0
    error_message = "The VPC follows from the subnets."
  }
}

run "a_subnet_of_another_vpc_is_refused" {
  command = plan
  variables {
    vpc_id     = "vpc-0other"
    subnet_ids = ["subnet-0y"]
  }
  expect_failures = [data.aws_subnet.given]
}

run "subnets_and_zones_exclude_each_other" {
  command = plan
  variables {
    subnet_ids         = ["subnet-0y"]
    availability_zones = ["us-west-2a"]
  }
  expect_failures = [var.availability_zones]
}

run "a_public_address_is_a_choice" {
  command = plan
  variables {
    assign_public_ip = false
  }

  assert {
    condition     = alltrue([for vm in aws_instance.vm : !vm.associate_public_ip_address])
    error_message = "No VM may have a public address."
  }
}

run "a_vm_may_be_placed" {
  command = plan
  variables {
    other_machine_types = ["g5.xlarge"]
    placements = {
      lablink-vm-test-8 = { machine_type = "g5.xlarge" }
      lablink-vm-test-9 = { availability_zone = "us-west-2a" }
    }
  }

  assert {
    condition     = { for hostname, vm in aws_instance.vm : hostname => vm.instance_type } == { lablink-vm-test-8 = "g5.xlarge", lablink-vm-test-9 = "g4dn.xlarge", lablink-vm-test-10 = "g4dn.xlarge" }
    error_message = "A type counts for its VM alone."
  }
  assert {
    condition     = output.zones == { "g4dn.xlarge" = tolist(["us-west-2a"]), "g5.xlarge" = tolist(["us-west-2a"]) }
    error_message = "Only zones with a subnet are told."
  }
}
