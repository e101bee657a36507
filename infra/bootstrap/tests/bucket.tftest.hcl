# Plans only: the bucket refuses to be destroyed, by a test as by anybody.
mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "the_bucket_is_private_versioned_and_encrypted" {
  command = plan
  variables {
    config_path = "../tests/configs/none-address-dynamic.yaml"
  }

  assert {
    condition     = aws_s3_bucket.state.bucket == "lablink-test-state"
    error_message = "The bucket's name comes from config.yaml."
  }
  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "A broken state must be recoverable."
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "State must be encrypted."
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.state.block_public_acls,
      aws_s3_bucket_public_access_block.state.block_public_policy,
      aws_s3_bucket_public_access_block.state.ignore_public_acls,
      aws_s3_bucket_public_access_block.state.restrict_public_buckets,
    ])
    error_message = "Nothing in the bucket may become public."
  }
}

run "without_tls_nobody_gets_in" {
  command = plan
  variables {
    config_path = "../tests/configs/none-address-dynamic.yaml"
  }

  assert {
    condition = (
      data.aws_iam_policy_document.tls_only.statement[0].effect == "Deny" &&
      one(data.aws_iam_policy_document.tls_only.statement[0].condition).variable == "aws:SecureTransport"
    )
    error_message = "Requests without TLS must be denied."
  }
}
