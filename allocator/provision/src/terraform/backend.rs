use std::path::PathBuf;

/// Where Terraform keeps its state.
#[derive(Clone, Debug)]
pub enum Backend {
    /// A file on this machine, locked by the operating system.
    File(PathBuf),
    /// An object in S3, locked by a second one beside it, whose name ends in `.tflock`.
    S3 { bucket: String, key: String, region: String },
}

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
}
