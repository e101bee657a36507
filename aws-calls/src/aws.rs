use std::{fmt, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, profile::ProfileFileCredentialsProvider,
    sts::AssumeRoleProvider, timeout::TimeoutConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use jiff::Timestamp;

use crate::{CallError, error::no_credentials};

/// A person looks at a page meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);
const ATTEMPT: Duration = Duration::from_secs(5);

/// A region of AWS, and the credentials to call it with. Cheap to clone.
#[derive(Clone)]
pub struct Aws(pub(crate) SdkConfig);

/// Where the credentials are looked for that nobody typed.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// None: as the SDK's own variables or the profile say.
    pub region: Option<String>,
    /// A profile of `~/.aws/config`, which wins over the environment. None: the environment, the default
    /// profile, or the machine's role.
    pub profile: Option<String>,
}

/// Keys of a user, or of a session if there is a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
    /// When they end, if that is known.
    pub expires_at: Option<Timestamp>,
}

/// A role to take on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub arn: String,
    /// What the owner of the account asks for, if the role is somebody else's.
    pub external_id: Option<String>,
    /// How AWS's own records name the session.
    pub session_name: String,
}

impl Aws {
    /// Finds out how to reach AWS. Asks nobody yet.
    pub async fn find(found: Found) -> Self {
        let tls = Provider::Rustls(CryptoMode::AwsLc);
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(PATIENCE)
            .operation_attempt_timeout(ATTEMPT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(Builder::new().tls_provider(tls).build_https())
            .timeout_config(timeouts);
        if let Some(region) = found.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(profile) = found.profile {
            let its = ProfileFileCredentialsProvider::builder().profile_name(&profile).build();
            loader = loader.profile_name(profile).credentials_provider(its);
        }
        Self(loader.load().await)
    }

    /// The same place, with these keys instead.
    pub fn with_keys(&self, keys: &Keys) -> Self {
        let credentials = Credentials::new(
            &keys.access_key_id,
            &keys.secret_access_key,
            keys.session_token.clone(),
            keys.expires_at.map(Into::into),
            "typed",
        );
        self.with_provider(SharedCredentialsProvider::new(credentials))
    }

    /// The same place, in a role that today's credentials may take on. Asks nobody yet; the session is
    /// renewed before it ends.
    pub async fn in_role(&self, role: &Role) -> Self {
        let mut builder = AssumeRoleProvider::builder(&role.arn)
            .session_name(&role.session_name)
            .configure(&self.0);
        if let Some(id) = &role.external_id {
            builder = builder.external_id(id);
        }
        self.with_provider(SharedCredentialsProvider::new(builder.build().await))
    }

    fn with_provider(&self, provider: SharedCredentialsProvider) -> Self {
        Self(self.0.clone().into_builder().credentials_provider(provider).build())
    }

    /// As in `us-west-2`; empty if none is known.
    pub fn region(&self) -> &str {
        self.0.region().map_or("", AsRef::as_ref)
    }

    /// The region that a call goes to, which must be known.
    pub(crate) fn region_for(&self, call: &'static str) -> Result<&Region, CallError> {
        let none = || CallError::NoAnswer { call, why: "no region is configured".to_owned() };
        self.0.region().ok_or_else(none)
    }

    /// The keys that calls are signed with now.
    pub async fn keys(&self) -> Result<Keys, CallError> {
        let none = || no_credentials("there is no source of credentials".to_owned());
        let provider = self.0.credentials_provider().ok_or_else(none)?;
        let found = provider.provide_credentials().await.map_err(|error| {
            no_credentials(
                aws_smithy_types::error::display::DisplayErrorContext(&error).to_string(),
            )
        })?;
        Ok(Keys {
            access_key_id: found.access_key_id().to_owned(),
            secret_access_key: found.secret_access_key().to_owned(),
            session_token: found.session_token().map(str::to_owned),
            expires_at: found.expiry().and_then(|end| Timestamp::try_from(end).ok()),
        })
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.region()).finish_non_exhaustive()
    }
}

/// The id is no secret and helps to tell keys apart.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("access_key_id", &self.access_key_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
