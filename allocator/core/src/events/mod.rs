//! The history of a pool: what happened, who did it, in the order of ids.

mod budget;
mod change;
mod kind;
mod retention;

use jiff::Timestamp;
use lablink_protocol::Hostname;
use serde_json::Value;
use tokio_postgres::Row;

pub use change::{Change, Touch};
pub use kind::Kind;
pub use retention::{Retention, sweep};

use crate::{DbError, Scope, of_name::of_name};

/// One line of history, as pages show it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: i64,
    pub at: Timestamp,
    pub actor: String,
    /// None: only another version knows it.
    pub kind: Option<Kind>,
    /// Its word, known or not.
    pub word: String,
    pub hostname: Option<String>,
    pub data: Value,
}

/// The newest `limit` entries that are older than `before`, newest first.
pub async fn recent(scope: &Scope, before: Option<i64>, limit: i64) -> Result<Vec<Entry>, DbError> {
    let rows = scope
        .db
        .client()
        .await?
        .query(
            "select event.id, event.at, event.actor, event.kind, event.data, vm.hostname
             from event left join claim on claim.id = event.claim_id
                        left join vm on vm.id = coalesce(event.vm_id, claim.vm_id)
             where event.pool_id = $1 and event.id < $2
             order by event.id desc limit $3",
            &[&scope.pool.as_i64(), &before.unwrap_or(i64::MAX), &limit],
        )
        .await?;
    rows.iter().map(entry).collect()
}

/// The newest `limit` entries of the VMs of this name, today's and earlier ones, newest first.
pub async fn of_vm(scope: &Scope, hostname: &Hostname, limit: i64) -> Result<Vec<Entry>, DbError> {
    let rows = scope
        .db
        .client()
        .await?
        .query(
            &format!(
                "select event.id, event.at, event.actor, event.kind, event.data, $2::text as hostname
                 from {named} cross join lateral (
                     select id, at, actor, kind, data from event
                     where event.vm_id = named.id order by id desc limit $3
                 ) as event
                 order by event.id desc limit $3",
                named = of_name("$2")
            ),
            &[&scope.pool.as_i64(), &hostname.as_str(), &limit],
        )
        .await?;
    rows.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<Entry, DbError> {
    Ok(Entry {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        actor: row.try_get("actor")?,
        kind: row.try_get::<_, &str>("kind")?.parse().ok(),
        word: row.try_get("kind")?,
        hostname: row.try_get("hostname")?,
        data: row.try_get("data")?,
    })
}
