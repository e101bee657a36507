use std::{future::Future, pin::Pin, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_sts::{
    Client,
    config::{Credentials, ProvideCredentials},
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    operation::get_caller_identity::GetCallerIdentityError,
};
use jiff::Timestamp;
use lablink_core::aws::{AwsKeys, CloudIdentity, Identity, IdentityError};

/// An organiser looks at a page meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// AWS's Security Token Service: it tells everybody who they are, whatever they may do.
pub struct Sts(SdkConfig);

impl Sts {
    /// Finds out how to reach AWS from the SDK's own variables, a profile, or a role. Asks nobody.
    pub async fn new(region: Option<String>) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(TimeoutConfig::builder().operation_timeout(PATIENCE).build());
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        Self(loader.load().await)
    }

    async fn identity(&self, keys: Option<&AwsKeys>) -> Result<Identity, IdentityError> {
        let mut config = aws_sdk_sts::config::Builder::from(&self.0);
        if let Some(keys) = keys {
            config = config.credentials_provider(Credentials::new(
                &keys.access_key_id,
                &keys.secret_access_key,
                keys.session_token.clone(),
                None,
                "typed",
            ));
        }
        let client = Client::from_conf(config.build());
        let found = client.get_caller_identity().send().await.map_err(refused)?;
        Ok(Identity {
            account: found.account.unwrap_or_default(),
            arn: found.arn.unwrap_or_default(),
            expires_at: if keys.is_none() { self.expiry().await } else { None },
        })
    }
}

impl Sts {
    /// When the credentials end that the process found by itself. Typed keys don't say it, and STS
    /// doesn't either.
    async fn expiry(&self) -> Option<Timestamp> {
        let found = self.0.credentials_provider()?.provide_credentials().await.ok()?;
        Timestamp::try_from(found.expiry()?).ok()
    }
}

impl CloudIdentity for Sts {
    fn of<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
    ) -> Pin<Box<dyn Future<Output = Result<Identity, IdentityError>> + Send + 'a>> {
        Box::pin(self.identity(keys))
    }
}

fn refused(error: SdkError<GetCallerIdentityError>) -> IdentityError {
    match error.as_service_error() {
        Some(service) => IdentityError::Refused {
            code: service.code().unwrap_or_default().to_owned(),
            message: service.message().unwrap_or_default().to_owned(),
        },
        None => IdentityError::Unreachable(DisplayErrorContext(&error).to_string()),
    }
}
