output "bucket_name" {
  description = "The bucket of Terraform's state, under {environment}/."
  value       = aws_s3_bucket.state.id
}

output "deploy_role_arn" {
  description = "The role that deploys and destroys."
  value       = aws_iam_role.deploy.arn
}
