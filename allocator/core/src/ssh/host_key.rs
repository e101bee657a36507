//! The SSH host key of a VM, remembered from first contact: who has another one later is not that
//! machine.

use lablink_protocol::Hostname;

use crate::{
    Db, DbError,
    events::{self, Event},
    once::{Asker, Sent},
    pools::PoolId,
};

/// The key that a VM showed first, as `known_hosts` has it: type and base64. None before that.
pub async fn host_key(
    db: &Db,
    pool: PoolId,
    hostname: &Hostname,
) -> Result<Option<String>, DbError> {
    let sql = "select ssh_host_key from vm
               where pool_id = $1 and hostname = $2 and removed_at is null";
    let row = db.client().await?.query_opt(sql, &[&pool.as_i64(), &hostname.as_str()]).await?;
    row.map_or(Ok(None), |row| Ok(row.try_get("ssh_host_key")?))
}

/// Remembers the key of a first contact. The answer is the key that counts from now on: another
/// allocator may have been there first. None: the VM is gone.
pub async fn remember_host_key(
    db: &Db,
    pool: PoolId,
    hostname: &Hostname,
    key: &str,
) -> Result<Option<String>, DbError> {
    let sql = "update vm set ssh_host_key = coalesce(ssh_host_key, $3)
               where pool_id = $1 and hostname = $2 and removed_at is null returning ssh_host_key";
    let row =
        db.client().await?.query_opt(sql, &[&pool.as_i64(), &hostname.as_str(), &key]).await?;
    row.map_or(Ok(None), |row| Ok(row.try_get("ssh_host_key")?))
}

/// The next contact is a first one again: for a machine that was installed anew. `false`: there
/// was no key to forget.
pub async fn forget_host_key(
    db: &Db,
    pool: PoolId,
    asker: impl Into<Asker>,
    hostname: &Hostname,
) -> Result<bool, DbError> {
    let asker = asker.into();
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    if let Sent::Again(before) = asker.sent(&transaction, pool).await? {
        return Ok(before);
    }
    let sql = "update vm set ssh_host_key = null where pool_id = $1 and hostname = $2
               and removed_at is null and ssh_host_key is not null returning id";
    let row = transaction.query_opt(sql, &[&pool.as_i64(), &hostname.as_str()]).await?;
    let Some(row) = row else { return Ok(false) };
    let event = Event {
        vm_id: Some(row.try_get("id")?),
        ..Event::new(&asker.actor, "vm.host_key_forgotten")
    };
    events::record(&transaction, pool, event).await?;
    asker.keep(&transaction, pool, &true).await?;
    transaction.commit().await?;
    Ok(true)
}
