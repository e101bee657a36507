use jiff::Timestamp;
use lablink_protocol::Hostname;
use tokio_postgres::types::ToSql;

use super::{Startup, startup};
use crate::{Db, DbError, Scope, db, ids::VmId};

/// How a VM came up, from when it was asked for.
#[derive(Clone, Debug)]
pub struct Start {
    pub hostname: Hostname,
    pub asked_at: Timestamp,
    /// When its agent first said that it runs, since its machine was begun the last time.
    pub ready_at: Option<Timestamp>,
    pub stages: Startup,
}

/// The `limit` newest VMs that LabLink made, among the hundred newest that are there, newest first.
pub async fn recent(scope: &Scope, limit: i64) -> Result<Vec<Start>, DbError> {
    let chosen = "(select id, hostname, created_at, source from vm
                   where pool_id = $1 and removed_at is null order by -id limit 100) as newest
                  where source in ('local', 'aws') order by id desc limit $2";
    starts(&scope.db, chosen, &[&scope.pool.as_i64(), &limit]).await
}

/// How this VM (its `vm.id`) came up. Holds only its name until it reports.
pub async fn of_start(db: &Db, vm_id: VmId) -> Result<Option<Start>, DbError> {
    Ok(starts(db, "vm where id = $1", &[&vm_id]).await?.pop())
}

async fn starts(
    db: &Db,
    chosen: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Start>, DbError> {
    let sql = format!(
        "select chosen.hostname, chosen.created_at, ready.at as ready_at,
                provisioning_started_at, provisioning_ended_at, provisioning_seconds,
                cloud_init_started_at, cloud_init_ended_at, cloud_init_seconds,
                container_started_at, container_ended_at, container_seconds,
                image_pull_started_at, image_pull_ended_at, image_pull_seconds
         from (select id, hostname, created_at from {chosen}) as chosen
         left join lateral (
             select * from vm_startup where vm_id = chosen.id limit 1
         ) as vm_startup on true
         cross join lateral (
             select (select event.at from event
                     where event.vm_id = chosen.id and event.kind = 'vm.status_changed'
                       and event.data->>'to' = 'running'
                       and event.at >= coalesce(provisioning_started_at, event.at)
                     order by event.id limit 1) as at
         ) as ready
         order by chosen.id desc"
    );
    let client = db.client().await?;
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, parameters).await?;
    rows.iter()
        .map(|row| {
            Ok(Start {
                hostname: db::word(row, "hostname")?,
                asked_at: row.try_get("created_at")?,
                ready_at: row.try_get("ready_at")?,
                stages: startup(row)?,
            })
        })
        .collect()
}
