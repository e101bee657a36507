use lablink_aws_calls::CallError;
use lablink_core::aws::{AwsKeys, CloudIdentity, FromAws, Identity, IdentityError};

use crate::Account;

impl CloudIdentity for Account {
    fn of<'a>(&'a self, keys: Option<&'a AwsKeys>) -> FromAws<'a, Identity> {
        Box::pin(async move {
            let found = self.with(keys).await.caller().await.map_err(refused)?;
            Ok(Identity { account: found.account, arn: found.arn, expires_at: found.expires_at })
        })
    }

    fn session<'a>(&'a self, keys: Option<&'a AwsKeys>) -> FromAws<'a, Option<AwsKeys>> {
        Box::pin(async move {
            if self.is_found_with(keys) {
                return Ok(keys.cloned());
            }
            let session = self.with(keys).await.keys().await.map_err(refused)?;
            Ok(Some(AwsKeys {
                access_key_id: session.access_key_id,
                secret_access_key: session.secret_access_key,
                session_token: session.session_token,
                expires_at: session.expires_at,
            }))
        })
    }
}

fn refused(error: CallError) -> IdentityError {
    match error {
        CallError::Credentials { code, message }
        | CallError::NotAllowed { code, message, .. }
        | CallError::Refused { code, message, .. } => IdentityError::Refused { code, message },
        CallError::NoAnswer { why, .. } => IdentityError::Unreachable(why),
        throttled @ CallError::Throttled { .. } => {
            IdentityError::Unreachable(throttled.to_string())
        }
    }
}
