use super::{AskError, Job, ask, read};
use crate::{
    DbError, Scope,
    agents::NEVER_ENROLLED,
    collections,
    db::{self, GenericClient},
    events::Change,
    ids::OperationId,
    pools::Pool,
    scope::Sent,
    vms::{self, Selection},
};
use lablink_protocol::Hostname;

/// Why an operation can't be tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    #[error("There is no such operation.")]
    NoSuchOperation,
    #[error("Nothing of this operation is left to be tried again.")]
    NothingLeft,
    #[error("the operation could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(RetryError);

/// Queues what an operation left undone: VMs in error are made, or replaced, VMs that never
/// enrolled are replaced, VMs that should be gone are destroyed.
pub async fn retry(scope: &Scope, id: OperationId) -> Result<OperationId, RetryError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        ask::lock(&change).await?;
        let earlier =
            read::find_in(&*change, &scope.pool, id).await?.ok_or(RetryError::NoSuchOperation)?;
        let left = left_undone(&*change, &scope.pool, id, &earlier.job).await?;
        if left.is_empty() {
            return Err(RetryError::NothingLeft);
        }
        let job = match earlier.job {
            // Their machines are there, and can't be helped.
            Job::Launch { .. } if any_waits(&*change, &scope.pool, &left).await? => {
                Job::Replace { hostnames: left }
            }
            Job::Launch { .. } => Job::Launch { hostnames: left },
            Job::Replace { .. } => Job::Replace { hostnames: left },
            Job::Destroy { .. } => Job::Destroy { hostnames: left, after: None },
            Job::Collect { extension, on_skipped, .. } => {
                Job::Collect { hostnames: left, extension, on_skipped }
            }
            Job::BringBack { .. } | Job::GiveUp { .. } => return Err(RetryError::NothingLeft),
        };
        let id = ask::queue(&mut change, &job).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}

/// VMs that [`retry`] would try again.
pub async fn undone(scope: &Scope, id: OperationId, job: &Job) -> Result<Vec<Hostname>, DbError> {
    left_undone(&scope.db.client().await?, &scope.pool, id, job).await
}

/// Queues the replacement of VMs: the machine goes, with all that is on it, and a new one of the
/// same name comes. From now on they can't be claimed.
pub async fn replace(scope: &Scope, hostnames: Vec<Hostname>) -> Result<OperationId, AskError> {
    let these = Selection::These(hostnames);
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        ask::lock(&change).await?;
        let hostnames = vms::made(&*change, &scope.pool, &these).await?;
        let id = ask::queue(&mut change, &Job::Replace { hostnames }).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}

/// The job's VMs that are not as it wanted them, and that no operation to come is about.
async fn left_undone(
    client: &impl GenericClient,
    pool: &Pool,
    id: OperationId,
    job: &Job,
) -> Result<Vec<Hostname>, DbError> {
    match job {
        Job::Collect { .. } => return collections::left(client, pool, id).await,
        // Their conflict says what is left to do.
        Job::BringBack { .. } | Job::GiveUp { .. } => return Ok(Vec::new()),
        Job::Launch { .. } | Job::Destroy { .. } | Job::Replace { .. } => {}
    }
    let wanted_gone = matches!(job, Job::Destroy { .. });
    // Somebody may have claimed what was to be destroyed and is still there: the wish was older.
    let rows = client
        .query(
            &format!(
                "select vm.hostname
                 from operation_target as target
                 join vm on vm.id = coalesce(target.successor_id, target.vm_id)
                 where target.operation_id = $1 and target.left_out is null
                   and vm.removed_at is null
                   and case when $2 then vm.claim_id is null
                                         or vm.claim_id is not distinct from target.claim_id
                            else vm.status = 'error'
                                 or vm.source in ('local', 'aws') and {NEVER_ENROLLED} end
                   and not exists (
                       select from operation_target as other
                       join operation on operation.id = other.operation_id
                       where coalesce(other.successor_id, other.vm_id) = vm.id
                         and operation.state in ('queued', 'running'))
                 order by vm.number"
            ),
            &[&id, &wanted_gone],
        )
        .await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}

/// Whether a VM among these is no failure, but waits for its agent.
async fn any_waits(
    client: &impl GenericClient,
    pool: &Pool,
    hostnames: &[Hostname],
) -> Result<bool, DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let sql = "select from vm where pool_id = $1 and hostname = any($2) and removed_at is null
               and status <> 'error' limit 1";
    Ok(client.query_opt(sql, &[&pool.as_i64(), &names]).await?.is_some())
}
