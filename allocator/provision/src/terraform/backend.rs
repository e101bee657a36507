use std::{ffi::OsString, path::PathBuf};

use lablink_core::aws::AwsKeys;

/// Where Terraform keeps its state.
#[derive(Clone, Debug)]
pub enum Backend {
    /// A file on this machine, locked by the operating system.
    File(PathBuf),
    /// An object in S3, locked by a second one beside it, whose name ends in `.tflock`.
    S3 { bucket: String, key: String, region: String },
}

/// Our credentials for AWS, as the SDKs find them. Keys that an organiser typed win over all of it.
const IDENTITY: [&str; 10] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// Where AWS is.
const PLACE: [&str; 6] = [
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
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

    /// What Terraform's environment needs for it in addition: nothing for a file; for a bucket,
    /// `typed` keys, or all that our own environment has.
    pub(super) fn environment(&self, typed: Option<&AwsKeys>) -> Vec<(&'static str, OsString)> {
        let ours = |name| Some((name, std::env::var_os(name)?));
        match (self, typed) {
            (Self::File(_), _) => Vec::new(),
            (Self::S3 { .. }, None) => IDENTITY.into_iter().chain(PLACE).filter_map(ours).collect(),
            (Self::S3 { .. }, Some(keys)) => {
                let typed = keys.environment().map(|(name, value)| (name, value.into()));
                PLACE.into_iter().filter_map(ours).chain(typed).collect()
            }
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
    fn typed_keys_go_to_a_bucket_alone_and_bring_no_token_of_somebody_else() {
        let keys = AwsKeys {
            access_key_id: "AKIA".to_owned(),
            secret_access_key: "s".to_owned(),
            session_token: None,
            expires_at: None,
        };
        assert!(Backend::File("/x".into()).environment(Some(&keys)).is_empty());
        let (bucket, key) = ("states".to_owned(), "k".to_owned());
        let s3 = Backend::S3 { bucket, key, region: "us-west-2".to_owned() };
        let environment = s3.environment(Some(&keys));
        let names: Vec<_> = environment.iter().map(|(name, _)| *name).collect();
        let identity: Vec<_> = names.into_iter().filter(|it| IDENTITY.contains(it)).collect();
        assert_eq!(identity, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    }
}
