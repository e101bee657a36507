use super::{Job, OperationId, OperationState, read, targets};
use crate::{
    Actor, DbError, Scope,
    db::{self, GenericClient},
    events::{self, Event},
    ids::VmId,
    pools::Pool,
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
        let mut client = scope.db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = scope.sent(&transaction).await? {
            return Ok(before);
        }
        lock(&transaction, &scope.pool).await?;
        let id = launch_in(&transaction, &scope.pool, &scope.actor, count).await?;
        scope.keep(&transaction, &id).await?;
        transaction.commit().await?;
        Ok(id)
    })
}

/// The same for who holds the [lock].
pub(super) async fn launch_in(
    client: &impl GenericClient,
    pool: &Pool,
    actor: &Actor,
    count: u32,
) -> Result<OperationId, LaunchError> {
    let source = pool.rules.machines.launched_from.ok_or(LaunchError::NoSource)?;
    let planned = vms::plan(client, pool, source, count).await?;
    let vm_ids: Vec<VmId> = planned.iter().map(|(vm_id, _)| *vm_id).collect();
    events::record_of_vms(client, pool, actor, "vm.requested", &vm_ids).await?;
    let job = Job::Launch { hostnames: planned.into_iter().map(|(_, name)| name).collect() };
    Ok(queue(client, pool, actor, &job).await?)
}

/// Queues the removal of VMs: from now on they can't be claimed.
pub async fn destroy(scope: &Scope, selection: &Selection) -> Result<OperationId, AskError> {
    crate::db::again!(async {
        let mut client = scope.db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = scope.sent(&transaction).await? {
            return Ok(before);
        }
        lock(&transaction, &scope.pool).await?;
        let hostnames = vms::made(&transaction, &scope.pool, selection).await?;
        let id = queue(
            &transaction,
            &scope.pool,
            &scope.actor,
            &Job::Destroy { hostnames, after: None },
        )
        .await?;
        scope.keep(&transaction, &id).await?;
        transaction.commit().await?;
        Ok(id)
    })
}

/// Asks for an operation to stop: one in the queue is over at once, a running one is told.
/// `false` when there was nothing to stop any more.
pub async fn cancel(scope: &Scope, id: OperationId) -> Result<bool, DbError> {
    crate::db::again!(async {
        let mut client = scope.db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = scope.sent(&transaction).await? {
            return Ok(before);
        }
        lock(&transaction, &scope.pool).await?;
        let changed = transaction
            .query_opt(
                "update operation set cancel_requested_at = coalesce(cancel_requested_at, now()),
                        finished_at = case state when 'queued' then now() end,
                        reason = case state when 'queued' then 'It was cancelled before it began.' end,
                        state = case state when 'queued' then 'cancelled' else state end
                 where id = $1 and pool_id = $2 and state in ('queued', 'running')
                 returning state, pg_notify('operation_changed', id::text)::text",
                &[&id, &scope.pool.as_i64()],
            )
            .await?;
        let Some(changed) = changed else { return Ok(false) };
        if db::word::<OperationState>(&changed, "state")? == OperationState::Cancelled {
            take_back(&transaction, &scope.pool, &scope.actor, id).await?;
        }
        let event = Event {
            operation_id: Some(id),
            ..Event::new(&scope.actor, "operation.cancel_requested")
        };
        events::record(&transaction, &scope.pool, event).await?;
        scope.keep(&transaction, &true).await?;
        transaction.commit().await?;
        Ok(true)
    })
}

/// Nothing has been done yet: VMs that were to be made for the first time need no row, those that
/// were to go stay.
async fn take_back(
    client: &impl GenericClient,
    pool: &Pool,
    actor: &Actor,
    id: OperationId,
) -> Result<(), DbError> {
    if read::find_in(client, pool, id).await?.is_some_and(|it| matches!(it.job, Job::Launch { .. }))
    {
        let planned = vms::never_made(client, id).await?;
        vms::remove_in(client, pool, &planned, actor).await?;
    }
    targets::recount(client, id).await
}

/// Requests that plan VMs take turns. Not `for update`: that would stop everybody who writes a row
/// of this pool, and who holds a VM's row at that moment is waited for in turn.
pub(crate) async fn lock(client: &impl GenericClient, pool: &Pool) -> Result<(), DbError> {
    client.execute("select from pool where id = $1 for no key update", &[&pool.as_i64()]).await?;
    Ok(())
}

/// The caller holds the pool's lock.
pub(super) async fn queue(
    client: &impl GenericClient,
    pool: &Pool,
    actor: &Actor,
    job: &Job,
) -> Result<OperationId, DbError> {
    let vms = i32::try_from(job.hostnames().len()).unwrap_or(i32::MAX);
    // Of a collection, files are counted, and nobody has seen them yet.
    let total = if matches!(job, Job::Collect { .. }) { 0 } else { vms };
    let row = client
        .query_one(
            "insert into operation (pool_id, kind, payload, actor, progress_total)
             values ($1, $2, $3, $4, $5)
             returning id, pg_notify('operation_changed', id::text)::text",
            &[&pool.as_i64(), &job.kind(), &job.payload(), &actor.to_string(), &total],
        )
        .await?;
    let id = row.try_get("id")?;
    targets::write(client, pool, id, job.hostnames()).await?;
    let event = Event {
        operation_id: Some(id),
        data: serde_json::json!({ "kind": job.kind(), "vms": vms }),
        ..Event::new(actor, "operation.queued")
    };
    events::record(client, pool, event).await?;
    Ok(id)
}
