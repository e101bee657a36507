use std::ffi::OsString;

use lablink_core::aws::AwsKeys;

/// Our credentials for AWS, as the SDKs find them. Keys that an organiser typed win over all of it.
const IDENTITY: [&str; 11] = [
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
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
];

/// What the SDKs' own variables begin with.
const OF_AWS: &str = "AWS_";

/// What Terraform's environment needs where it works with AWS: all of `ours` that the SDKs read, or
/// `typed` keys in place of our own.
pub(super) fn aws_environment(
    ours: impl Iterator<Item = (OsString, OsString)>,
    typed: Option<&AwsKeys>,
) -> Vec<(OsString, OsString)> {
    let goes = |name: &OsString| {
        let is_identity = IDENTITY.iter().any(|it| name == it);
        name.to_str().is_some_and(|name| name.starts_with(OF_AWS))
            && (typed.is_none() || !is_identity)
    };
    let typed = typed.into_iter().flat_map(AwsKeys::environment);
    let typed = typed.map(|(name, value)| (name.into(), value.into()));
    ours.filter(|(name, _)| goes(name)).chain(typed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [(&str, &str); 5] = [
        ("AWS_PROFILE", "lab"),
        ("AWS_SESSION_TOKEN", "ours"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:1"),
        ("DATABASE_URL", "secret"),
    ];

    fn passed(typed: Option<&AwsKeys>) -> Vec<(String, String)> {
        let ours = OURS.into_iter().map(|(name, value)| (name.into(), value.into()));
        let text = |it: OsString| it.into_string().unwrap();
        aws_environment(ours, typed).into_iter().map(|(k, v)| (text(k), text(v))).collect()
    }

    #[test]
    fn the_profile_the_region_and_endpoints_go_on_and_nothing_else() {
        let names: Vec<String> = passed(None).into_iter().map(|(name, _)| name).collect();
        let all_of_aws = ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL_EC2"];
        assert_eq!(names, all_of_aws);
    }

    #[test]
    fn typed_keys_bring_no_token_and_no_profile_of_somebody_else() {
        let keys = AwsKeys {
            access_key_id: "AKIA".to_owned(),
            secret_access_key: "s".to_owned(),
            session_token: None,
            expires_at: None,
        };
        let names: Vec<String> = passed(Some(&keys)).into_iter().map(|(name, _)| name).collect();
        let expected =
            ["AWS_REGION", "AWS_ENDPOINT_URL_EC2", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        assert_eq!(names, expected);
    }
}
