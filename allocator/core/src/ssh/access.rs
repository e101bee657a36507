//! SSH access to machines that were registered by hand.

use std::{num::NonZero, time::Duration};

use super::{FitAddresses, PrivateKey, ResultsDirectory, SshAddress, SshLogin, UnfitAddress};
use crate::{
    DbError, Scope, SecretKey,
    db::{self, GenericClient},
    ids::VmId,
    secrets::{Subject, Unopened},
};
use lablink_protocol::Hostname;

/// How long a registration waits for a name that can't be resolved.
const PATIENCE_AT_THE_FORM: Duration = Duration::from_secs(3);

/// How a machine's results are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAccess {
    pub address: SshAddress,
    pub port: NonZero<u16>,
    pub login: SshLogin,
    pub private_key: PrivateKey,
    /// None: on the desktop, as on the VMs that LabLink launches.
    pub directory: Option<ResultsDirectory>,
}

/// An access ready to be stored, with the key that seals its private key once its row is known.
#[derive(Clone, Debug)]
pub struct StorableSshAccess {
    access: SshAccess,
    key: SecretKey,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "This allocator has no key to keep an SSH key safe with, so nothing was stored. Set \
     LABLINK_SECRET_KEY (make one with: openssl rand -hex 32) and restart it; or leave out SSH."
)]
pub struct NoSecretKey;

/// Why a machine's access can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SshAccessError {
    #[error(
        "Its SSH key can't be opened: LABLINK_SECRET_KEY is missing or has changed. Set the one \
         that it was registered under, or register the machine again."
    )]
    Locked,
    #[error(
        "What the database holds as its SSH key was not sealed as this machine's, or was changed \
         since, so it is not used: somebody has written to the database past LabLink. Register the \
         machine again, and find out who it was."
    )]
    Replaced,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<Unopened> for SshAccessError {
    fn from(why: Unopened) -> Self {
        match why {
            Unopened::OtherKey => Self::Locked,
            Unopened::OtherValue => Self::Replaced,
        }
    }
}

crate::db::takes_statement_errors!(SshAccessError);

impl SshAccess {
    /// Refuses an address that no registered machine may have. A name that can't be found yet is
    /// fine: each connection looks again.
    pub async fn check_address(&self, fit: FitAddresses) -> Result<(), UnfitAddress> {
        match self.address.resolve(self.port, fit, PATIENCE_AT_THE_FORM).await {
            Err(unfit @ UnfitAddress::Unfit { .. }) => Err(unfit),
            Ok(_) | Err(UnfitAddress::Silence(..) | UnfitAddress::NoSuchName(..)) => Ok(()),
        }
    }

    pub fn storable(self, key: Option<&SecretKey>) -> Result<StorableSshAccess, NoSecretKey> {
        Ok(StorableSshAccess { access: self, key: key.ok_or(NoSecretKey)?.clone() })
    }
}

/// Stores how a machine is reached. Its private key is stored sealed, as this machine's.
pub(crate) async fn store(
    client: &impl GenericClient,
    vm_id: VmId,
    StorableSshAccess { access, key }: &StorableSshAccess,
) -> Result<(), DbError> {
    let private_key = access.private_key.reveal().as_bytes().to_vec();
    let sealed_key = key.seal(Subject::SshKey { vm_id }, private_key);
    client
        .execute(
            "insert into ssh_access (vm_id, address, port, login, sealed_key, directory)
             values ($1, $2, $3, $4, $5, $6)",
            &[
                &vm_id,
                &access.address.as_str(),
                &i32::from(access.port.get()),
                &access.login.as_str(),
                &sealed_key,
                &access.directory.as_ref().map(ResultsDirectory::as_str),
            ],
        )
        .await?;
    Ok(())
}

/// How a machine that was registered by hand is reached; none if its registration did not say.
pub async fn access(
    scope: &Scope,
    key: Option<&SecretKey>,
    hostname: &Hostname,
) -> Result<Option<SshAccess>, SshAccessError> {
    let row = scope
        .db
        .client()
        .await?
        .query_opt(
            "select vm_id, address, port, login, sealed_key, directory
             from ssh_access join vm on vm.id = vm_id
             where vm.pool_id = $1 and vm.hostname = $2 and vm.removed_at is null",
            &[&scope.pool.as_i64(), &hostname.as_str()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let subject = Subject::SshKey { vm_id: row.try_get("vm_id")? };
    let opened = key.ok_or(SshAccessError::Locked)?.open(subject, row.try_get("sealed_key")?)?;
    let text = String::from_utf8(opened).ok();
    let private_key = text.and_then(|text| text.parse().ok()).ok_or(SshAccessError::Locked)?;
    let port: i32 = row.try_get("port")?;
    let port = u16::try_from(port).ok().and_then(NonZero::new);
    Ok(Some(SshAccess {
        address: db::word(&row, "address")?,
        port: port.ok_or(DbError::UnknownWord { column: "port", value: "0".to_owned() })?,
        login: db::word(&row, "login")?,
        private_key,
        directory: db::optional_word(&row, "directory")?,
    }))
}
