//! VMs whose agent sent heartbeats and sends none any more.

use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

use crate::{
    DbError,
    events::{Change, Kind},
};

/// Points out VMs whose agent has been silent for this long. VMs that do not run yet become overdue
/// instead.
pub(super) async fn point_out(change: &mut Change<'_>, after: Duration) -> Result<(), DbError> {
    let sql = "with silent as (
            select vm.id, vm_presence.last_seen
            from vm join vm_presence on vm_presence.vm_id = vm.id
            where vm.pool_id = $1 and vm.suspect_at is null
              and vm.removed_at is null and vm.removing_at is null
              and (vm.status = 'running' or vm.claim_id is not null)
              and vm_presence.last_seen < now() - make_interval(secs => $2::float8)
            for no key update of vm skip locked
        )
        update vm set suspect_at = now() from silent where vm.id = silent.id
        returning vm.id, silent.last_seen";
    let statement = change.prepare_cached(sql).await?;
    let (pool, after) = (change.pool().as_i64(), after.as_secs_f64());
    for silent in change.query(&statement, &[&pool, &after]).await? {
        let last_seen: Timestamp = silent.try_get("last_seen")?;
        let event = change.event(Kind::VmSuspect).of_vm(silent.try_get("id")?);
        event.with(json!({ "last_seen": last_seen }));
    }
    Ok(())
}

/// Notes agents that were pointed out as silent and are heard again. One that says goodbye does not
/// count.
pub(super) async fn note_heard(change: &mut Change<'_>) -> Result<(), DbError> {
    let sql = "with heard as (
            select vm.id, vm.suspect_at from vm join vm_presence on vm_presence.vm_id = vm.id
            where vm.pool_id = $1 and vm.removed_at is null
              and vm_presence.last_seen > vm.suspect_at and not vm_presence.stopped
            for no key update of vm skip locked
        )
        update vm set suspect_at = null from heard where vm.id = heard.id
        returning vm.id, heard.suspect_at";
    let statement = change.prepare_cached(sql).await?;
    for heard in change.query(&statement, &[&change.pool().as_i64()]).await? {
        let suspect_at: Timestamp = heard.try_get("suspect_at")?;
        let event = change.event(Kind::VmHeard).of_vm(heard.try_get("id")?);
        event.with(json!({ "suspect_at": suspect_at }));
    }
    Ok(())
}
