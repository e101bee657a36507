use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What AWS calls credentials: a user's, or a session's if there is a token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsKeys {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
    /// When a session ends, if that is known.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

impl AwsKeys {
    /// As the AWS SDKs and Terraform read them. An absent token stays absent: an empty one would
    /// be taken for a token.
    pub fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("AWS_ACCESS_KEY_ID", Some(self.access_key_id.as_str())),
            ("AWS_SECRET_ACCESS_KEY", Some(self.secret_access_key.as_str())),
            ("AWS_SESSION_TOKEN", self.session_token.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// The id is no secret and helps to tell keys apart.
impl fmt::Debug for AwsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKeys")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_token_is_no_variable_and_nothing_secret_shows() {
        let keys = AwsKeys {
            access_key_id: "AKIA".to_owned(),
            secret_access_key: "hidden".to_owned(),
            session_token: None,
            expires_at: None,
        };
        let names: Vec<_> = keys.environment().map(|(name, _)| name).collect();
        assert_eq!(names, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
        assert!(!format!("{keys:?}").contains("hidden"));
    }
}
