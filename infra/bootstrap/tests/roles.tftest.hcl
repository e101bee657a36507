# Plans only: see bucket.tftest.hcl.
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  config_path = "../tests/configs/none-address-dynamic.yaml"
}

run "without_a_repository_only_people_deploy" {
  command = plan

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "Nobody outside the account may come in."
  }
  assert {
    condition     = length(data.aws_iam_policy_document.deploy_trust.statement) == 1
    error_message = "Only the account itself is trusted."
  }
}

run "workflows_of_one_repository_may_too_in_jobs_with_an_environment" {
  command = plan
  variables {
    github_repository = "example/our-lablink"
  }

  assert {
    condition     = aws_iam_openid_connect_provider.github["github"].url == "https://token.actions.githubusercontent.com"
    error_message = "GitHub's sign-in is made."
  }
  assert {
    condition = contains([
      for condition in data.aws_iam_policy_document.deploy_trust.statement[1].condition : join(",", condition.values)
    ], "repo:example/our-lablink:environment:*")
    error_message = "Of this repository alone, with an environment."
  }
}

run "a_provider_that_is_there_is_used" {
  command = plan
  variables {
    github_repository   = "example/our-lablink"
    github_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "An account has one at most."
  }
}

run "a_repository_is_an_owner_and_a_name" {
  command = plan
  variables {
    github_repository = "*"
  }
  expect_failures = [var.github_repository]
}

run "the_role_makes_no_roles_but_lablinks" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for statement in data.aws_iam_policy_document.deploy.statement : [
        for resource in statement.resources :
        startswith(resource, "arn:aws:iam::123456789012:role/lablink_") ||
        startswith(resource, "arn:aws:iam::123456789012:instance-profile/lablink_") ||
        startswith(resource, "arn:aws:iam::123456789012:policy/lablink_")
      ] if contains(statement.actions, "iam:*")
    ]))
    error_message = "The rights of everybody else's roles are none of its business."
  }
}
