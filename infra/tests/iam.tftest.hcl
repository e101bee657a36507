# Rights: each document as it is written, for one environment beside others in the account.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  resource_suffix   = "test"
  config_path       = "tests/configs/none-address-dynamic.yaml"
  log_forwarder_zip = "tests/fixtures/forwarder.zip"
  abandon_vms       = true
  admin_password    = "organiser-pass"
  db_password       = "database-pass"
  access_code       = ""
}

run "no_right_is_a_wildcard" {
  assert {
    condition = alltrue([
      for statement in concat(
        data.aws_iam_policy_document.host.statement,
        data.aws_iam_policy_document.client_vms.statement,
        data.aws_iam_policy_document.client_tags.statement,
        data.aws_iam_policy_document.client_identity.statement,
        data.aws_iam_policy_document.client_boundary.statement,
        data.aws_iam_policy_document.client_state.statement,
        data.aws_iam_policy_document.forwarder.statement,
        data.aws_iam_policy_document.preflight.statement,
        data.aws_iam_policy_document.snapshots[0].statement,
      ) : alltrue([for action in statement.actions : !strcontains(action, "*")])
    ])
    error_message = "Every action must be named."
  }
  assert {
    condition = toset([
      for statement in concat(
        data.aws_iam_policy_document.host.statement,
        data.aws_iam_policy_document.client_vms.statement,
        data.aws_iam_policy_document.client_tags.statement,
        data.aws_iam_policy_document.client_identity.statement,
        data.aws_iam_policy_document.client_state.statement,
        data.aws_iam_policy_document.forwarder.statement,
        data.aws_iam_policy_document.preflight.statement,
        data.aws_iam_policy_document.snapshots[0].statement,
      ) : statement.sid if contains(statement.resources, "*")
    ]) == toset(["SessionManager", "Look", "Find", "Ask"])
    error_message = "Only calls that take no resource may name all of them."
  }
}

run "vms_of_others_are_out_of_reach" {
  # What is made carries the tags, what carries them may be changed, and the rest is named here.
  assert {
    condition = {
      for statement in data.aws_iam_policy_document.client_vms.statement :
      statement.sid => { for condition in statement.condition : condition.variable => one(condition.values) }
      } == {
      Look                           = {}
      RunInstancesTagged             = { "aws:RequestTag/Deployment" = "true", "aws:RequestTag/Environment" = "test", "aws:RequestTag/ManagedBy" = "lablink-allocator", "ec2:InstanceType" = "g4dn.xlarge" }
      CreateSecurityGroupTagged      = { "aws:RequestTag/Deployment" = "true", "aws:RequestTag/Environment" = "test", "aws:RequestTag/ManagedBy" = "lablink-allocator" }
      ImportKeyPairTagged            = { "aws:RequestTag/Deployment" = "true", "aws:RequestTag/Environment" = "test", "aws:RequestTag/ManagedBy" = "lablink-allocator" }
      RunInstancesFrom               = {}
      RunInstancesInItsVpc           = { "ec2:Vpc" = "arn:aws:ec2:us-west-2:123456789012:vpc/vpc-0123456789abcdef0" }
      RunInstancesOnEncryptedVolumes = { "ec2:Encrypted" = "true" }
      CreateSecurityGroupIn          = {}
      SecurityGroupRules             = {}
      ModifyItsOwn                   = { "aws:ResourceTag/Deployment" = "true", "aws:ResourceTag/Environment" = "test", "aws:ResourceTag/ManagedBy" = "lablink-allocator", "ec2:Attribute/InstanceType" = "g4dn.xlarge" }
      ChangeAndRemoveItsOwn          = { "aws:ResourceTag/Deployment" = "true", "aws:ResourceTag/Environment" = "test", "aws:ResourceTag/ManagedBy" = "lablink-allocator" }
    }
    error_message = "A statement lost its condition, or a new one has none."
  }
  assert {
    condition = alltrue(flatten([
      for statement in concat(data.aws_iam_policy_document.client_vms.statement, data.aws_iam_policy_document.client_tags.statement) : [
        for condition in statement.condition : condition.test == "Null" if endswith(condition.variable, "/Deployment")
      ]
    ]))
    error_message = "A deployment without a name keeps its hands off those that have one."
  }
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.client_vms.statement : statement.sid == "ChangeAndRemoveItsOwn" || length(setintersection(statement.actions, [
        "ec2:TerminateInstances", "ec2:StopInstances", "ec2:RebootInstances", "ec2:DeleteSecurityGroup", "ec2:DeleteKeyPair",
      ])) == 0
    ])
    error_message = "Only what is its own may be removed."
  }
  assert {
    condition     = local.tags["ManagedBy"] != local.client_tags["ManagedBy"]
    error_message = "The allocator's own host must not look like one of its VMs."
  }
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.client_tags.statement :
      contains([for condition in statement.condition : condition.variable], "aws:RequestTag/Environment") && length(statement.condition) == 4
      if statement.sid != "TagItsOwn"
    ])
    error_message = "Tags may be given to what is made and to untagged disks, and only this environment's."
  }
  assert {
    condition = one([
      for statement in data.aws_iam_policy_document.client_tags.statement :
      { for condition in statement.condition : "${condition.test} ${condition.variable}" => toset(condition.values) } if statement.sid == "TagItsOwn"
      ]) == {
      "ForAllValues:StringNotEquals aws:TagKeys" = toset(["Deployment", "Environment", "ManagedBy"])
      "Null aws:ResourceTag/Deployment"          = toset(["true"])
      "StringEquals aws:ResourceTag/Environment" = toset(["test"])
      "StringEquals aws:ResourceTag/ManagedBy"   = toset(["lablink-allocator"])
    }
    error_message = "What is its own may be tagged, but not made somebody else's."
  }
}

run "vms_are_made_in_this_vpc_and_of_this_type_alone" {
  # What has no condition names what it is for.
  assert {
    condition = {
      for statement in data.aws_iam_policy_document.client_vms.statement : statement.sid => toset(statement.resources)
      if contains(["RunInstancesFrom", "RunInstancesInItsVpc", "CreateSecurityGroupIn"], statement.sid)
      } == {
      RunInstancesFrom      = toset(["arn:aws:ec2:us-west-2::image/*", "arn:aws:ec2:us-west-2:123456789012:spot-instances-request/*"])
      RunInstancesInItsVpc  = toset(["arn:aws:ec2:us-west-2:123456789012:network-interface/*", "arn:aws:ec2:us-west-2:123456789012:subnet/*"])
      CreateSecurityGroupIn = toset(["arn:aws:ec2:us-west-2:123456789012:vpc/vpc-0123456789abcdef0"])
    }
    error_message = "No VPC, subnet or group but those of this deployment."
  }
  assert {
    condition = length([
      for statement in data.aws_iam_policy_document.client_vms.statement : statement
      if contains(statement.actions, "ec2:RunInstances") && anytrue([for resource in statement.resources : strcontains(resource, ":subnet/") || strcontains(resource, ":network-interface/")])
    ]) == 1
    error_message = "One statement alone lets VMs into subnets."
  }
}

run "named_subnets_and_another_type_are_in_the_rights" {
  variables {
    config_path = "tests/configs/other/machine-type.yaml"
    vpc_id      = "vpc-0123456789abcdef0"
    subnet_ids  = ["subnet-aaaa", "subnet-cccc"]
  }
  assert {
    condition     = toset(local.client_subnet_arns) == toset(["arn:aws:ec2:us-west-2:123456789012:subnet/subnet-aaaa", "arn:aws:ec2:us-west-2:123456789012:subnet/subnet-cccc"])
    error_message = "Only the named subnets."
  }
  assert {
    condition = one(flatten([
      for statement in data.aws_iam_policy_document.client_vms.statement :
      [for condition in statement.condition : condition.values if condition.variable == "ec2:InstanceType"] if statement.sid == "RunInstancesTagged"
    ])) == "g5.xlarge"
    error_message = "Only the type of config.yaml."
  }
}

run "a_role_can_only_be_made_bounded_and_passed_to_ec2" {
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.client_identity.statement : alltrue([
        for resource in statement.resources : can(regex("_test(\\.\\*)?$", resource)) && startswith(resource, "arn:aws:iam::123456789012:")
      ]) if statement.sid != "MakeSpotsOwnRole"
    ])
    error_message = "Each role and profile must be this environment's."
  }
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.client_identity.statement :
      one(statement.condition).variable == "iam:PermissionsBoundary" && one(one(statement.condition).values) == aws_iam_policy.client_boundary.arn
      if length(setintersection(statement.actions, ["iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"])) > 0
    ])
    error_message = "Whoever writes a role's policy must keep the boundary on it."
  }
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.client_identity.statement : !contains(statement.actions, "iam:DeleteRolePermissionsBoundary")
    ])
    error_message = "The boundary must not be taken off."
  }
  assert {
    condition = [
      for statement in data.aws_iam_policy_document.client_identity.statement :
      { for condition in statement.condition : condition.variable => one(condition.values) } if contains(statement.actions, "iam:PassRole")
    ] == [{ "iam:PassedToService" = "ec2.amazonaws.com" }]
    error_message = "The role is for VMs."
  }
}

run "the_host_reads_its_own_secrets_and_state" {
  assert {
    condition = toset(data.aws_iam_policy_document.host.statement[0].resources) == toset([
      for name in ["admin-password", "db-password", "log-token", "metrics-token", "secret-key"] : "arn:aws:ssm:us-west-2:123456789012:parameter/lablink/test/${name}"
    ])
    error_message = "Five parameters, by name."
  }
  assert {
    condition     = toset(data.aws_iam_policy_document.client_state.statement[1].resources) == toset(["arn:aws:s3:::lablink-test-state/test/client/*"]) && one(data.aws_iam_policy_document.client_state.statement[0].condition).values == tolist(["test/client/*", "env:/*"])
    error_message = "The VMs' state, and not that of the host."
  }
  assert {
    condition     = toset(keys(aws_iam_role_policy.host)) == toset(["host", "vms", "vms_tags", "vms_identity", "preflight", "state"])
    error_message = "Six policies."
  }
}

run "dev_has_no_business_in_the_bucket" {
  state_key = "dev"
  variables {
    resource_suffix = "dev"
  }
  assert {
    condition     = !can(aws_iam_role_policy.host["state"])
    error_message = "dev keeps its VMs' state on the host."
  }
}

run "a_deployment_with_a_name_is_apart" {
  state_key = "named"
  variables {
    config_path = "tests/configs/other/named.yaml"
  }
  assert {
    condition     = aws_iam_role.host.name == "lablink_instance_role_north-test" && aws_cloudwatch_log_group.client_vms.name == "lablink-cloud-init-north-test" && local.secrets_path == "/lablink/north-test"
    error_message = "Names begin with the deployment's."
  }
  assert {
    condition     = local.tags["Deployment"] == "north" && local.client_tags["Deployment"] == "north" && local.client_tags["Environment"] == "test"
    error_message = "Tags tell both."
  }
  assert {
    condition     = local.client_variables["deployment_name"] == "north" && local.client_role_arns[0] == "arn:aws:iam::123456789012:role/lablink_cloud_watch_agent_role_north_test"
    error_message = "terraform/aws names what it makes in the same way."
  }
  assert {
    condition     = toset(data.aws_iam_policy_document.client_state.statement[1].resources) == toset(["arn:aws:s3:::lablink-test-state/north/test/client/*"])
    error_message = "It has a folder of its own in the bucket."
  }
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.client_vms.statement : alltrue([
        for condition in statement.condition : condition.test == "StringEquals" && one(condition.values) == "north" if endswith(condition.variable, "/Deployment")
      ])
    ])
    error_message = "Its rights are for what bears its name."
  }
}

run "neither_its_name_nor_its_environment_changes" {
  command   = plan
  state_key = "named"
  variables {
    config_path = "tests/configs/other/renamed.yaml"
  }
  expect_failures = [aws_cloudwatch_log_group.client_vms]
}

run "other_types_and_a_key_are_in_the_rights" {
  state_key = "types"
  variables {
    config_path = "tests/configs/other/types.yaml"
  }
  assert {
    condition = toset(one([
      for condition in one([for statement in data.aws_iam_policy_document.client_vms.statement : statement.condition if statement.sid == "RunInstancesTagged"]) :
      condition.values if condition.variable == "ec2:InstanceType"
    ])) == toset(["g5.xlarge", "g4dn.xlarge", "g6.xlarge"])
    error_message = "VMs may be of the types that the configuration lists."
  }
  assert {
    condition     = one([for statement in data.aws_iam_policy_document.client_tags.statement : one(statement.resources) if statement.sid == "EncryptDisks"]) == "arn:aws:kms:us-west-2:123456789012:key/k"
    error_message = "Disks may be encrypted with the configuration's key, and no other."
  }
}

run "a_role_to_take_on_is_in_the_rights" {
  state_key = "elsewhere"
  variables {
    config_path = "tests/configs/other/elsewhere.yaml"
  }
  assert {
    condition     = one([for statement in data.aws_iam_policy_document.host.statement : one(statement.resources) if statement.sid == "TakeOnRole"]) == "arn:aws:iam::210987654321:role/classes/lablink"
    error_message = "The allocator may take on the role that the configuration names, and no other."
  }
  assert {
    condition     = local.client_variables["allocator_security_group_id"] == aws_security_group.host.id
    error_message = "VMs without a public address let the host in by its security group."
  }
}

run "neither_is_there_unasked" {
  assert {
    condition     = !contains(data.aws_iam_policy_document.host.statement[*].sid, "TakeOnRole") && !can(local.client_variables["allocator_security_group_id"])
    error_message = "A deployment that asks for none of this has no right to it."
  }
}
