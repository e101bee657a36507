//! What agents say of their VMs.

use jiff::Timestamp;
use lablink_protocol::{GpuHealth, Hostname, Vitals, VmStatus};
use tokio_postgres::types::{Json as PgJson, ToSql};

use crate::{
    Actor, DbError, Scope, channels,
    events::{Change, Kind, Touch},
    ids::VmId,
    line,
    vms::{cloud_notice, instance, silent},
};

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("VM not found.")]
    NoSuchVm,
    #[error(
        "Of keys that LabLink does not know, {most} are kept of a VM, {longest} bytes with their \
         values. With these there would be more, so nothing of this report was stored."
    )]
    TooManyKeys { most: usize, longest: usize },
    #[error("the report could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(ReportError);

/// Stores a VM's status; a change is history. That an instance in a cloud runs is only remembered
/// until its agent itself is heard: its script says so first.
pub async fn set_status(
    scope: &Scope,
    hostname: &Hostname,
    status: VmStatus,
) -> Result<(), ReportError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let changed = change
            .query_opt(
                "with before as (
                     select id, status, overdue_at,
                            $3 = 'running' and source = 'aws' and heard_at is null as is_hearsay
                     from vm
                     where pool_id = $1 and hostname = $2 and removed_at is null for no key update
                 ), told as (
                     select id, is_hearsay,
                            case when is_hearsay then 'initializing' else $3 end as status
                     from before
                 ), remembered as (
                     update vm set said_running_at = now() from told
                     where vm.id = told.id and is_hearsay and vm.status = told.status
                 ), after as (
                     update vm set status = told.status, status_reason = null, overdue_at = null,
                         starting_since = case when told.status = 'initializing' then now() end,
                         said_running_at = case when is_hearsay then now() end
                     from told
                     where vm.id = told.id and vm.status <> told.status
                     returning vm.id, vm.status
                 )
                 select before.id, before.status as was, after.status as is_now, before.overdue_at
                 from before left join after on after.id = before.id",
                &[&scope.pool.as_i64(), &hostname.as_str(), &status.as_str()],
            )
            .await?
            .ok_or(ReportError::NoSuchVm)?;
        if let Some(is_now) = changed.try_get::<_, Option<String>>("is_now")? {
            let was: String = changed.try_get("was")?;
            let mut data = serde_json::json!({ "from": was, "to": is_now });
            if let Some(overdue_at) = changed.try_get::<_, Option<Timestamp>>("overdue_at")? {
                data["overdue_at"] = serde_json::json!(overdue_at);
            }
            change.event(Kind::VmStatusChanged).of_vm(changed.try_get("id")?).with(data);
            line::serve(&mut change).await?;
        }
        change.commit().await?;
        Ok(())
    })
}

/// Stores a heartbeat, with the changes of the machine. Writes to a table of its own, and wakes
/// nobody, unless the VM was silent or its cloud announces something.
pub async fn heartbeat(
    scope: &Scope,
    hostname: &Hostname,
    changed: &Vitals,
) -> Result<(), ReportError> {
    let mut client = scope.client().await?;
    let statement = client
        .prepare_cached(
            "with theirs as (
                 select id, stale_at is not null or suspect_at is not null as is_silent,
                        source = 'aws' and heard_at is null as is_new
                 from vm where pool_id = $1 and hostname = $2 and removed_at is null
             ), heard as (
                 insert into vm_presence (vm_id, last_seen, vitals)
                 select id, now(), $3 from theirs
                 on conflict (vm_id) do update set last_seen = excluded.last_seen, stopped = false,
                     start_failure = null, vitals = vm_presence.vitals || excluded.vitals
             )
             select id, is_silent, is_new from theirs",
        )
        .await?;
    let parameters: [&(dyn ToSql + Sync); 3] =
        [&scope.pool.as_i64(), &hostname.as_str(), &PgJson(changed)];
    let vm = client.query_opt(&statement, &parameters).await?.ok_or(ReportError::NoSuchVm)?;
    let vm_id = vm.try_get("id")?;
    if let Some(notice) = &changed.notice {
        cloud_notice::announced(scope, &mut client, vm_id, notice).await?;
    }
    if let Some(desktop) = &changed.desktop {
        channels::announced(scope, &mut client, vm_id, desktop).await?;
    }
    if vm.try_get("is_silent")? {
        silent::heard(scope, &mut client, vm_id).await?;
    }
    if vm.try_get("is_new")? {
        instance::heard(scope, &mut client, vm_id).await?;
    }
    Ok(())
}

/// The agent stops: its VM is not handed out until the next heartbeat.
pub async fn goodbye(scope: &Scope, hostname: &Hostname) -> Result<(), ReportError> {
    let sql = "with before as (
                   select id from vm where pool_id = $1 and hostname = $2 and removed_at is null
                   for no key update
               ), marked as (
                   update vm set stale_at = coalesce(stale_at, now()) from before
                   where vm.id = before.id
               ), noted as (
                   insert into vm_presence (vm_id, last_seen, stopped)
                   select id, now(), true from before
                   on conflict (vm_id) do update set last_seen = excluded.last_seen, stopped = true
               )
               select before.id, coalesce(vm_presence.stopped, false) as stopped
               from before left join vm_presence on vm_presence.vm_id = before.id";
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let before = change.query_opt(sql, &[&scope.pool.as_i64(), &hostname.as_str()]).await?;
        let before = before.ok_or(ReportError::NoSuchVm)?;
        // Pages that show it are woken once.
        if !before.try_get::<_, bool>("stopped")? {
            change.touch(Touch::Vm(before.try_get("id")?));
            line::serve(&mut change).await?;
        }
        change.commit().await?;
        Ok(())
    })
}

/// The agent of a VM could not be started: an organiser must look. Until it is heard again, its VM
/// is not handed out and says why. Writes nothing if no VM has that name.
pub async fn start_failed(scope: &Scope, hostname: &Hostname, reason: &str) -> Result<(), DbError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let row = change
            .query_opt(
                "update vm set suspect_at = coalesce(suspect_at, now()),
                     stale_at = coalesce(stale_at, now()),
                     overdue_at = case when status = 'initializing' and claim_id is null
                         then coalesce(overdue_at, now()) else overdue_at end
                 where pool_id = $1 and hostname = $2 and removed_at is null
                 returning id",
                &[&scope.pool.as_i64(), &hostname.as_str()],
            )
            .await?;
        let Some(row) = row else { return Ok(()) };
        let id: VmId = row.try_get("id")?;
        change
            .execute(
                "insert into vm_presence (vm_id, last_seen, stopped, start_failure)
                 values ($1, now(), true, $2)
                 on conflict (vm_id) do update set stopped = true,
                     start_failure = excluded.start_failure",
                &[&id, &reason],
            )
            .await?;
        change
            .event(Kind::VmStartFailed)
            .of_vm(id)
            .with(serde_json::json!({ "reason": reason }))
            .by(Actor::System);
        change.commit().await?;
        Ok(())
    })
}

/// Stores whether the subject software is in use, and since when if the agent says so. A change is
/// history.
pub async fn set_in_use(
    scope: &Scope,
    hostname: &Hostname,
    in_use: bool,
    since: Option<Timestamp>,
) -> Result<(), ReportError> {
    crate::db::again!(async {
        let sql = "with before as (
                       select id, in_use from vm
                       where pool_id = $1 and hostname = $2 and removed_at is null for no key update
                   ), after as (
                       update vm set in_use = $3 from before
                       where vm.id = before.id and before.in_use <> $3
                       returning vm.id
                   )
                   select before.id, after.id is not null as changed
                   from before left join after on after.id = before.id";
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let row = change
            .query_opt(sql, &[&scope.pool.as_i64(), &hostname.as_str(), &in_use])
            .await?
            .ok_or(ReportError::NoSuchVm)?;
        if row.try_get("changed")? {
            let kind = if in_use { Kind::VmUseStarted } else { Kind::VmUseEnded };
            change
                .event(kind)
                .of_vm(row.try_get("id")?)
                .with(serde_json::json!({ "since": since }));
        }
        change.commit().await?;
        Ok(())
    })
}

/// Stores the agent's verdict on the GPUs, with the reason. A change is history.
pub async fn set_gpu(
    scope: &Scope,
    hostname: &Hostname,
    health: GpuHealth,
    reason: Option<&str>,
) -> Result<(), ReportError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let changed = change
            .query_opt(
                "with before as (
                     select id, gpu, gpu_reason from vm
                     where pool_id = $1 and hostname = $2 and removed_at is null for no key update
                 ), after as (
                     update vm set gpu = $3, gpu_reason = $4 from before
                     where vm.id = before.id and (before.gpu, before.gpu_reason) is distinct from ($3, $4)
                     returning vm.id
                 )
                 select before.id, before.gpu as was, after.id is not null as changed
                 from before left join after on after.id = before.id",
                &[&scope.pool.as_i64(), &hostname.as_str(), &health.as_str(), &reason],
            )
            .await?
            .ok_or(ReportError::NoSuchVm)?;
        if changed.try_get("changed")? {
            let was: Option<String> = changed.try_get("was")?;
            let actor = Actor::Agent(hostname.clone());
            change
                .event(Kind::VmGpuChanged)
                .of_vm(changed.try_get("id")?)
                .with(serde_json::json!({ "from": was, "to": health.as_str(), "reason": reason }))
                .by(actor);
            line::serve(&mut change).await?;
        }
        change.commit().await?;
        Ok(())
    })
}
