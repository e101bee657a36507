use super::{Job, OperationState, read, targets};
use crate::{
    DbError, Scope, db,
    events::{Change, Kind},
    ids::{OperationId, VmId},
    scope::Sent,
    vms::{self, Selection, VmsError},
};

/// Why nothing is launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("VMs can't be launched here: the provider is 'manual'. Register machines instead.")]
    NoSource,
    #[error("the operation could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(LaunchError);

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    Vms(#[from] VmsError),
    #[error("the operation could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(AskError);

/// Queues the making of `count` new VMs, at least 1: their rows and the operation in one transaction.
pub async fn launch(scope: &Scope, count: u32) -> Result<OperationId, LaunchError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        lock(&change).await?;
        let id = launch_in(&mut change, count).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}

/// The same for who holds the [lock].
pub(super) async fn launch_in(
    change: &mut Change<'_>,
    count: u32,
) -> Result<OperationId, LaunchError> {
    let source = change.pool().rules.machines.launched_from.ok_or(LaunchError::NoSource)?;
    let planned = vms::plan(&**change, change.pool(), source, count).await?;
    let vm_ids: Vec<VmId> = planned.iter().map(|(vm_id, _)| *vm_id).collect();
    for id in &vm_ids {
        change.event(Kind::VmRequested).of_vm(*id);
    }
    let job = Job::Launch { hostnames: planned.into_iter().map(|(_, name)| name).collect() };
    Ok(queue(change, &job).await?)
}

/// Queues the removal of VMs: from now on they can't be claimed.
pub async fn destroy(scope: &Scope, selection: &Selection) -> Result<OperationId, AskError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        lock(&change).await?;
        let hostnames = vms::made(&*change, &scope.pool, selection).await?;
        let id = queue(&mut change, &Job::Destroy { hostnames, after: None }).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}

/// Asks for an operation to stop: one in the queue is over at once, a running one is told.
/// `false` when there was nothing to stop any more.
pub async fn cancel(scope: &Scope, id: OperationId) -> Result<bool, DbError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        lock(&change).await?;
        let changed = change
            .query_opt(
                "update operation set cancel_requested_at = coalesce(cancel_requested_at, now()),
                        finished_at = case state when 'queued' then now() end,
                        reason = case state when 'queued' then 'It was cancelled before it began.' end,
                        state = case state when 'queued' then 'cancelled' else state end
                 where id = $1 and pool_id = $2 and state in ('queued', 'running')
                 returning state",
                &[&id, &scope.pool.as_i64()],
            )
            .await?;
        let Some(changed) = changed else { return Ok(false) };
        if db::word::<OperationState>(&changed, "state")? == OperationState::Cancelled {
            take_back(&mut change, id).await?;
        }
        change.event(Kind::OperationCancelRequested).of_operation(id);
        scope.keep(&*change, &true).await?;
        change.commit().await?;
        Ok(true)
    })
}

/// Nothing has been done yet: VMs that were to be made for the first time need no row, those that
/// were to go stay.
async fn take_back(change: &mut Change<'_>, id: OperationId) -> Result<(), DbError> {
    if read::find_in(&**change, change.pool(), id)
        .await?
        .is_some_and(|it| matches!(it.job, Job::Launch { .. }))
    {
        let planned = vms::never_made(&**change, id).await?;
        vms::remove_in(change, &planned).await?;
    }
    targets::recount(change, id).await
}

/// Requests that plan VMs take turns. Not `for update`: that would stop everybody who writes a row
/// of this pool, and who holds a VM's row at that moment is waited for in turn.
pub(crate) async fn lock(change: &Change<'_>) -> Result<(), DbError> {
    let sql = "select from pool where id = $1 for no key update";
    change.execute(sql, &[&change.pool().as_i64()]).await?;
    Ok(())
}

/// The caller holds the pool's lock.
pub(super) async fn queue(change: &mut Change<'_>, job: &Job) -> Result<OperationId, DbError> {
    let vms = i32::try_from(job.hostnames().len()).unwrap_or(i32::MAX);
    // Of a collection, files are counted, and nobody has seen them yet.
    let total = if matches!(job, Job::Collect { .. }) { 0 } else { vms };
    let scope = change.scope();
    let row = change
        .query_one(
            "insert into operation (pool_id, kind, payload, actor, progress_total)
             values ($1, $2, $3, $4, $5)
             returning id",
            &[&scope.pool.as_i64(), &job.kind(), &job.payload(), &scope.actor.to_string(), &total],
        )
        .await?;
    let id = row.try_get("id")?;
    targets::write(change, id, job.hostnames()).await?;
    change
        .event(Kind::OperationQueued)
        .of_operation(id)
        .with(serde_json::json!({ "kind": job.kind(), "vms": vms }));
    Ok(id)
}
