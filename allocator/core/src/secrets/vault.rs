use std::sync::{Mutex, PoisonError};

use super::{SecretKey, Subject, Unopened};
use crate::{
    DbError, Scope,
    aws::AwsKeys,
    events::{Change, Kind},
    scope::Sent,
};

/// Where typed AWS keys live.
#[derive(Debug)]
pub enum Vault {
    /// Sealed in the database: every allocator with the same key has them, also after a restart.
    Shared(SecretKey),
    /// Only in this process's memory, because there is no key.
    Own(Mutex<Option<AwsKeys>>),
}

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error(
        "the stored AWS keys can't be opened: LABLINK_SECRET_KEY has changed. Set the old one \
         again, or type the keys once more"
    )]
    Locked,
    #[error(
        "what the database holds as the AWS keys was not sealed as those of this pool, or was \
         changed since: somebody has written to it past LabLink. Type the keys once more, and find \
         out who it was"
    )]
    Replaced,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<Unopened> for VaultError {
    fn from(why: Unopened) -> Self {
        match why {
            Unopened::OtherKey => Self::Locked,
            Unopened::OtherValue => Self::Replaced,
        }
    }
}

impl From<tokio_postgres::Error> for VaultError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Db(error.into())
    }
}

impl Vault {
    pub fn new(key: Option<SecretKey>) -> Self {
        key.map_or_else(|| Self::Own(Mutex::default()), Self::Shared)
    }

    /// The keys in use, if any were typed.
    pub async fn keys(&self, scope: &Scope) -> Result<Option<AwsKeys>, VaultError> {
        let key = match self {
            Self::Own(keys) => {
                return Ok(keys.lock().unwrap_or_else(PoisonError::into_inner).clone());
            }
            Self::Shared(key) => key,
        };
        let query = "select sealed from aws_keys where pool_id = $1";
        let row = scope.client().await?.query_opt(query, &[&scope.pool.as_i64()]).await?;
        let Some(row) = row else { return Ok(None) };
        let opened = key.open(Subject::AwsKeys(scope.pool.id), row.try_get("sealed")?)?;
        serde_json::from_slice(&opened).map(Some).map_err(|_unreadable| VaultError::Locked)
    }

    /// Uses these keys from now on, or none.
    pub async fn set(&self, scope: &Scope, keys: Option<&AwsKeys>) -> Result<(), VaultError> {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(()) = scope.sent(&*change).await? {
            // This brings back keys that this process lost in a restart.
            if let Self::Own(own) = self {
                let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
                *own = own.take().or_else(|| keys.cloned());
            }
            return Ok(());
        }
        match (self, keys) {
            (Self::Own(_), _) => {}
            (Self::Shared(key), Some(keys)) => {
                let text = serde_json::to_vec(keys).map_err(|_unwritable| VaultError::Locked)?;
                let sealed = key.seal(Subject::AwsKeys(scope.pool.id), text);
                change
                    .execute(
                        "insert into aws_keys (pool_id, sealed, set_by) values ($1, $2, $3)
                         on conflict (pool_id) do update
                         set sealed = excluded.sealed, set_by = excluded.set_by, set_at = now()",
                        &[&scope.pool.as_i64(), &sealed, &scope.actor.to_string()],
                    )
                    .await?;
            }
            (Self::Shared(_), None) => {
                let delete = "delete from aws_keys where pool_id = $1";
                change.execute(delete, &[&scope.pool.as_i64()]).await?;
            }
        }
        let kind = if keys.is_some() { Kind::AwsKeysSet } else { Kind::AwsKeysUnset };
        change.event(kind);
        scope.keep(&*change, &()).await?;
        change.commit().await?;
        if let Self::Own(own) = self {
            *own.lock().unwrap_or_else(PoisonError::into_inner) = keys.cloned();
        }
        Ok(())
    }
}
