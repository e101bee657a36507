use lablink_core::{
    SecretKey,
    aws::CloudIdentity,
    secrets::{AwsLogin, Vault},
};

use crate::config::Config;

/// The AWS account that this allocator works with. Does not ask AWS yet.
pub async fn aws_login(config: &Config, key: Option<SecretKey>) -> AwsLogin {
    AwsLogin { identity: identity(&config.app.region).await, vault: Vault::new(key) }
}

#[cfg(feature = "aws")]
async fn identity(region: &str) -> Option<Box<dyn CloudIdentity>> {
    let found = lablink_aws::Found { region: Some(region.to_owned()), profile: None };
    Some(Box::new(lablink_aws::Account::find(found, None).await))
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "as its twin with the feature")]
async fn identity(_region: &str) -> Option<Box<dyn CloudIdentity>> {
    None
}
