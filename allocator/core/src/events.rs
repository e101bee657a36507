//! The history of a pool: what happened, who did it, in the order of ids.

mod budget;
mod retention;

use jiff::Timestamp;
use lablink_protocol::Hostname;
use serde_json::Value;
use tokio_postgres::Row;

pub use retention::{Retention, sweep};

use crate::{Actor, Db, DbError, db::GenericClient, pools::PoolId};

/// Something that happened, to be written in the transaction that made it happen.
pub(crate) struct Event<'a> {
    pub actor: &'a Actor,
    pub kind: &'static str,
    pub vm_id: Option<i64>,
    pub claim_id: Option<i64>,
    pub operation_id: Option<i64>,
    pub data: Value,
}

impl<'a> Event<'a> {
    pub fn new(actor: &'a Actor, kind: &'static str) -> Self {
        Self {
            actor,
            kind,
            vm_id: None,
            claim_id: None,
            operation_id: None,
            data: serde_json::json!({}),
        }
    }
}

/// Writes an event. One that a VM's agent brings about is refused with all that belongs to it, as
/// [`DbError::TooManyReports`], where that VM has brought about too many lately.
pub(crate) async fn record(
    client: &impl GenericClient,
    pool: PoolId,
    event: Event<'_>,
) -> Result<(), DbError> {
    if let (Actor::Agent(_) | Actor::UnprovenAgent, Some(vm_id)) = (event.actor, event.vm_id)
        && budget::is_used_up(client, vm_id).await?
    {
        return Err(DbError::TooManyReports);
    }
    client
        .execute(
            "insert into event (pool_id, actor, kind, vm_id, claim_id, operation_id, data)
             values ($1, $2, $3, $4, $5, $6, $7)",
            &[
                &pool.as_i64(),
                &event.actor.to_string(),
                &event.kind,
                &event.vm_id,
                &event.claim_id,
                &event.operation_id,
                &event.data,
            ],
        )
        .await?;
    Ok(())
}

/// The same thing happened to all of these VMs.
pub(crate) async fn record_of_vms(
    client: &impl GenericClient,
    pool: PoolId,
    actor: &Actor,
    kind: &'static str,
    vm_ids: &[i64],
) -> Result<(), DbError> {
    let sql = "insert into event (pool_id, actor, kind, vm_id, data)
               select $1, $2, $3, vm_id, '{}' from unnest($4::bigint[]) as vm_id";
    client.execute(sql, &[&pool.as_i64(), &actor.to_string(), &kind, &vm_ids]).await?;
    Ok(())
}

/// One line of history, as pages show it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: i64,
    pub at: Timestamp,
    pub actor: String,
    pub kind: String,
    pub hostname: Option<String>,
    pub data: Value,
}

/// The newest `limit` entries that are older than `before`, newest first.
pub async fn recent(
    db: &Db,
    pool: PoolId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let rows = db
        .client()
        .await?
        .query(
            "select event.id, event.at, event.actor, event.kind, event.data, vm.hostname
             from event left join claim on claim.id = event.claim_id
                        left join vm on vm.id = coalesce(event.vm_id, claim.vm_id)
             where event.pool_id = $1 and ($2::bigint is null or event.id < $2)
             order by event.id desc limit $3",
            &[&pool.as_i64(), &before, &limit],
        )
        .await?;
    rows.iter().map(entry).collect()
}

/// The newest `limit` entries of the VMs of this name, today's and earlier ones, newest first.
pub async fn of_vm(
    db: &Db,
    pool: PoolId,
    hostname: &Hostname,
    limit: i64,
) -> Result<Vec<Entry>, DbError> {
    let rows = db
        .client()
        .await?
        .query(
            "select event.id, event.at, event.actor, event.kind, event.data, vm.hostname
             from vm join event on event.vm_id = vm.id
             where vm.pool_id = $1 and vm.hostname = $2 order by event.id desc limit $3",
            &[&pool.as_i64(), &hostname.as_str(), &limit],
        )
        .await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<Entry, DbError> {
    Ok(Entry {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        actor: row.try_get("actor")?,
        kind: row.try_get("kind")?,
        hostname: row.try_get("hostname")?,
        data: row.try_get("data")?,
    })
}
