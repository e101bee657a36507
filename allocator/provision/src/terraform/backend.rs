use std::path::PathBuf;

/// Where Terraform keeps its state.
#[derive(Clone, Debug)]
pub enum Backend {
    /// A file on this machine, locked by the operating system.
    File(PathBuf),
    /// An object in S3, locked by a second one beside it, whose name ends in `.tflock`.
    S3 { bucket: String, key: String, region: String },
}

/// What the S3 backend needs of our environment: whatever the AWS SDK finds its way by.
const AWS: [&str; 16] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CA_BUNDLE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
];

impl Backend {
    /// As `backend_override.tf.json` says it.
    pub(super) fn to_json(&self) -> String {
        let backend = match self {
            Self::File(path) => serde_json::json!({ "local": { "path": path } }),
            Self::S3 { bucket, key, region } => serde_json::json!({ "s3": {
                "bucket": bucket, "key": key, "region": region,
                "encrypt": true, "use_lockfile": true,
            }}),
        };
        serde_json::json!({ "terraform": { "backend": backend } }).to_string()
    }

    /// Names of environment variables that Terraform needs beside the usual ones.
    pub(super) fn credentials(&self) -> &'static [&'static str] {
        match self {
            Self::File(_) => &[],
            Self::S3 { .. } => &AWS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_locked_by_a_file_of_its_own() {
        let (bucket, key) = ("states".to_owned(), "test/terraform.tfstate".to_owned());
        let json = Backend::S3 { bucket, key, region: "us-west-2".to_owned() }.to_json();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let s3 = &json["terraform"]["backend"]["s3"];
        assert_eq!((&s3["use_lockfile"], &s3["bucket"]), (&true.into(), &"states".into()));
    }

    #[test]
    fn a_file_needs_no_credentials() {
        assert!(Backend::File("/x".into()).credentials().is_empty());
    }
}
