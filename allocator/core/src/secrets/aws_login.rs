use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::{Standing, Vault, VaultError};
use crate::{
    DbError, Scope,
    aws::{AwsKeys, CloudIdentity, IdentityError},
    chain,
    pools::Source,
};

/// The AWS credentials of a pool's operations.
pub struct AwsLogin {
    /// None where the allocator was built without AWS.
    pub identity: Option<Box<dyn CloudIdentity>>,
    pub vault: Vault,
    /// As it was when AWS was last asked.
    standing: Mutex<Option<Standing>>,
}

/// Why an operation has no credentials.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("AWS gave no session in the role or profile that is configured (aws): {0}")]
    NoSession(#[from] IdentityError),
}

impl LoginError {
    /// Why there are none, as a text. Else the database's own error.
    pub fn unless_db(self) -> Result<String, DbError> {
        match self {
            Self::Vault(VaultError::Db(error)) => Err(error),
            other => Ok(chain(&other)),
        }
    }
}

impl AwsLogin {
    pub fn new(identity: Option<Box<dyn CloudIdentity>>, vault: Vault) -> Self {
        Self { identity, vault, standing: Mutex::default() }
    }

    /// The keys that a program beside this one is to work with. None: what it finds by itself.
    pub async fn session(&self, scope: &Scope) -> Result<Option<AwsKeys>, LoginError> {
        let typed = self.vault.keys(scope).await?;
        match &self.identity {
            Some(identity) => Ok(identity.session(typed.as_ref()).await?),
            None => Ok(typed),
        }
    }

    /// How the credentials in use stand with AWS, as far as it was asked.
    pub fn standing(&self) -> Option<Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks AWS how the credentials stand, where somebody relies on them: VMs come from AWS, or keys
    /// were typed. How often that changed: 0 or 1.
    pub async fn look(&self, scope: &Scope) -> Result<u64, DbError> {
        let Some(identity) = &self.identity else { return Ok(0) };
        let relied_on = scope.pool.rules().machines.launched_from == Some(Source::Aws);
        let now = match self.vault.keys(scope).await {
            Err(VaultError::Db(error)) => return Err(error),
            Err(locked @ (VaultError::Locked | VaultError::Replaced)) => {
                Some(Standing::Invalid { reason: locked.to_string() })
            }
            Ok(None) if !relied_on => None,
            Ok(keys) => match identity.of(keys.as_ref()).await {
                Ok(found) => Some(match keys {
                    Some(AwsKeys { expires_at, .. }) => Standing::Typed { ends: expires_at },
                    None => Standing::Found { ends: found.expires_at },
                }),
                Err(IdentityError::Refused { message, code }) => {
                    let reason = if message.is_empty() { code } else { message };
                    Some(Standing::Invalid { reason })
                }
                // That says nothing about the credentials.
                Err(IdentityError::Unreachable(_)) => return Ok(0),
            },
        };
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = standing.as_ref().map(Standing::is_valid_now)
            != now.as_ref().map(Standing::is_valid_now);
        *standing = now;
        Ok(u64::from(changed))
    }

    /// What organisers must know of the credentials, if there is something.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        self.standing()?.warning(now)
    }
}
