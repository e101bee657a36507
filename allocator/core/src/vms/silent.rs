//! VMs whose agent sent heartbeats and sends none any more. First such a VM is stale: nobody gets it.
//! Later it is suspect: the organiser is told.

use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

use crate::{
    DbError, Scope,
    db::Client,
    events::{Change, Kind, Touch},
    ids::VmId,
    line,
};

/// Bounds the rows that one transaction of a pass locks.
const AT_ONCE: i64 = 1000;

/// Marks VMs that have become stale, and unmarks those that are heard again. Returns how many
/// changed. Each VM is looked at about once in the time after which it is stale, so that a heartbeat
/// has no index to keep.
pub(super) async fn mark(scope: &Scope, client: &mut Client) -> Result<u64, DbError> {
    let mut marked = 0;
    loop {
        let Round { looked_at, changed } = mark_some(scope, client).await?;
        marked += changed;
        if looked_at < AT_ONCE {
            return Ok(marked);
        }
    }
}

struct Round {
    looked_at: i64,
    changed: u64,
}

async fn mark_some(scope: &Scope, client: &mut Client) -> Result<Round, DbError> {
    let sql = "with due as (
            select vm.id, vm.suspect_at, vm.stale_at, vm.removed_at is not null as is_gone,
                   vm_presence.last_seen + make_interval(secs => $2::float8) as silent_from,
                   vm_presence.stopped
            from vm_presence join vm on vm.id = vm_presence.vm_id
            where vm_presence.check_at <= now() and vm.pool_id = $1
            limit $3 for no key update of vm skip locked
        ), looked_at as (
            update vm_presence
            set check_at = case when not (is_gone or due.stopped) and silent_from > now()
                                then silent_from end
            from due where vm_presence.vm_id = due.id
        ), changed as (
            update vm set stale_at = case when due.stopped or silent_from <= now() then now() end,
                suspect_at = case when due.stopped or silent_from <= now() then vm.suspect_at end
            from due
            where vm.id = due.id and not is_gone
              and ((due.stopped or silent_from <= now())
                       is distinct from (due.stale_at is not null)
                   or not (due.stopped or silent_from <= now()) and due.suspect_at is not null)
            returning vm.id, due.suspect_at, vm.suspect_at is null as is_heard
        )
        select count(*) over () as looked_at, changed.id, changed.suspect_at, changed.is_heard
        from due left join changed using (id)";
    let mut change = Change::begin(scope, client).await?;
    let statement = change.prepare_cached(sql).await?;
    let stale_after = scope.pool.rules().machines.stale_after.as_seconds();
    let rows = change.query(&statement, &[&scope.pool.as_i64(), &stale_after, &AT_ONCE]).await?;
    let (mut looked_at, mut changed) = (0, 0);
    for row in rows {
        looked_at = row.try_get("looked_at")?;
        let Some(vm) = row.try_get::<_, Option<VmId>>("id")? else { continue };
        changed += 1;
        change.touch(Touch::Vm(vm));
        if row.try_get("is_heard")? {
            tell_heard(&mut change, vm, row.try_get("suspect_at")?);
        }
    }
    if changed > 0 {
        line::serve(&mut change).await?;
    }
    change.commit().await?;
    Ok(Round { looked_at, changed })
}

/// The agent of a silent VM is heard again: its VM can be handed out at once.
pub(super) async fn heard(scope: &Scope, client: &mut Client, vm: VmId) -> Result<(), DbError> {
    crate::db::again!(async {
        let sql = "with silent as (
                select id, suspect_at from vm
                where id = $1 and (stale_at is not null or suspect_at is not null)
                for no key update
            )
            update vm set stale_at = null, suspect_at = null from silent where vm.id = silent.id
            returning silent.suspect_at";
        let mut change = Change::begin(scope, client).await?;
        let Some(silent) = change.query_opt(sql, &[&vm]).await? else { return Ok(()) };
        change.touch(Touch::Vm(vm));
        tell_heard(&mut change, vm, silent.try_get("suspect_at")?);
        line::serve(&mut change).await?;
        change.commit().await
    })
}

/// That an agent is heard again is an event if its silence was one.
fn tell_heard(change: &mut Change<'_>, vm: VmId, suspect_at: Option<Timestamp>) {
    if let Some(suspect_at) = suspect_at {
        change.event(Kind::VmHeard).of_vm(vm).with(json!({ "suspect_at": suspect_at }));
    }
}

/// Points out stale VMs whose agent has been silent for this long. VMs that do not run yet become
/// overdue instead.
pub(super) async fn point_out(change: &mut Change<'_>, after: Duration) -> Result<(), DbError> {
    let sql = "with silent as (
            select vm.id, vm_presence.last_seen
            from vm join vm_presence on vm_presence.vm_id = vm.id
            where vm.pool_id = $1 and vm.stale_at is not null and vm.suspect_at is null
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
