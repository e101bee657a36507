use crate::{DbError, Scope, db::GenericClient, pools::Pool};

/// The identity of a state: its history, and its place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Names the history: all states that follow one from another.
    pub lineage: String,
    /// Grows with every change.
    pub serial: i64,
}

/// The state of the pool that was last accepted. None before the first.
pub async fn last_seen(scope: &Scope) -> Result<Option<Version>, DbError> {
    let sql = "select lineage, serial from terraform_state where pool_id = $1";
    let row = scope.client().await?.query_opt(sql, &[&scope.pool.as_i64()]).await?;
    row.map(|row| Ok(Version { lineage: row.try_get("lineage")?, serial: row.try_get("serial")? }))
        .transpose()
}

/// Notes that this state was accepted. A note about an older state that comes later changes
/// nothing.
pub(super) async fn remember(
    client: &impl GenericClient,
    pool: &Pool,
    version: &Version,
) -> Result<(), DbError> {
    let sql = "insert into terraform_state as known (pool_id, lineage, serial) values ($1, $2, $3)
               on conflict (pool_id) do update set serial = excluded.serial, seen_at = now()
               where known.lineage = excluded.lineage and known.serial <= excluded.serial";
    client.execute(sql, &[&pool.as_i64(), &version.lineage, &version.serial]).await?;
    Ok(())
}

/// Makes this the accepted state, whatever was seen before. None: there is no state yet.
pub(super) async fn replace(
    client: &impl GenericClient,
    pool: &Pool,
    version: Option<&Version>,
) -> Result<(), DbError> {
    client.execute("delete from terraform_state where pool_id = $1", &[&pool.as_i64()]).await?;
    match version {
        Some(version) => remember(client, pool, version).await,
        None => Ok(()),
    }
}
