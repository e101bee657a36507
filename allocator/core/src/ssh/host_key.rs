//! The SSH host key of a VM, remembered from first contact. A machine with another key is not that
//! VM.

use lablink_protocol::Hostname;

use crate::{
    DbError, Scope,
    events::{Change, Kind},
    scope::Sent,
};

/// The key that a VM showed first, as in `known_hosts`: type and base64. None before the first
/// contact.
pub async fn host_key(scope: &Scope, hostname: &Hostname) -> Result<Option<String>, DbError> {
    let sql = "select ssh_host_key from vm
               where pool_id = $1 and hostname = $2 and removed_at is null";
    let row = scope
        .db
        .client()
        .await?
        .query_opt(sql, &[&scope.pool.as_i64(), &hostname.as_str()])
        .await?;
    row.map_or(Ok(None), |row| Ok(row.try_get("ssh_host_key")?))
}

/// Remembers the key of a first contact. Returns the key that counts from now on, since another
/// allocator may have been first. None: the VM is gone.
pub async fn remember_host_key(
    scope: &Scope,
    hostname: &Hostname,
    key: &str,
) -> Result<Option<String>, DbError> {
    let sql = "update vm set ssh_host_key = coalesce(ssh_host_key, $3)
               where pool_id = $1 and hostname = $2 and removed_at is null returning ssh_host_key";
    let row = scope
        .db
        .client()
        .await?
        .query_opt(sql, &[&scope.pool.as_i64(), &hostname.as_str(), &key])
        .await?;
    row.map_or(Ok(None), |row| Ok(row.try_get("ssh_host_key")?))
}

/// Forgets the key, so that the next contact counts as the first: for a machine that was installed
/// anew. `false`: there was no key.
pub async fn forget_host_key(scope: &Scope, hostname: &Hostname) -> Result<bool, DbError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    if let Sent::Again(before) = scope.sent(&*change).await? {
        return Ok(before);
    }
    let sql = "update vm set ssh_host_key = null where pool_id = $1 and hostname = $2
               and removed_at is null and ssh_host_key is not null returning id";
    let row = change.query_opt(sql, &[&scope.pool.as_i64(), &hostname.as_str()]).await?;
    let Some(row) = row else { return Ok(false) };
    change.event(Kind::VmHostKeyForgotten).of_vm(row.try_get("id")?);
    scope.keep(&*change, &true).await?;
    change.commit().await?;
    Ok(true)
}
