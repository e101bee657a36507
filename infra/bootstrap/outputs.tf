output "bucket_name" {
  description = "The bucket of Terraform's state, under {environment}/."
  value       = aws_s3_bucket.state.id
}
