use deadpool_postgres::GenericClient;
use lablink_protocol::Hostname;

use super::{AskError, Job, OperationId, ask, read};
use crate::{
    Actor, Db, DbError, collections, db,
    pools::PoolId,
    vms::{self, Selection},
};

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

/// Queues what an operation left undone: VMs in error are made, or replaced, VMs that should be
/// gone are destroyed.
pub async fn retry(
    db: &Db,
    pool: PoolId,
    actor: &Actor,
    id: OperationId,
) -> Result<OperationId, RetryError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    ask::lock(&transaction, pool).await?;
    let earlier =
        read::find_in(&transaction, pool, id).await?.ok_or(RetryError::NoSuchOperation)?;
    let left = left_undone(&transaction, pool, id, &earlier.job).await?;
    if left.is_empty() {
        return Err(RetryError::NothingLeft);
    }
    let job = match earlier.job {
        Job::Launch { .. } => Job::Launch { hostnames: left },
        Job::Replace { .. } => Job::Replace { hostnames: left },
        Job::Destroy { .. } => {
            let these = Selection::These(left);
            let marked = vms::mark_removing(&transaction, pool, &these).await;
            let hostnames = marked.map_err(|_gone| RetryError::NothingLeft)?;
            Job::Destroy { hostnames, after: None }
        }
        Job::Collect { extension, .. } => Job::Collect { hostnames: left, extension },
        Job::BringBack { .. } | Job::GiveUp { .. } => return Err(RetryError::NothingLeft),
    };
    let id = ask::queue(&transaction, pool, actor, &job).await?;
    transaction.commit().await?;
    Ok(id)
}

/// VMs that [`retry`] would try again.
pub async fn undone(
    db: &Db,
    pool: PoolId,
    id: OperationId,
    job: &Job,
) -> Result<Vec<Hostname>, DbError> {
    left_undone(&db.client().await?, pool, id, job).await
}

/// Queues the replacement of VMs: the machine goes, with all that is on it, and a new one of the
/// same name comes. From now on they can't be claimed.
pub async fn replace(
    db: &Db,
    pool: PoolId,
    actor: &Actor,
    hostnames: Vec<Hostname>,
) -> Result<OperationId, AskError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    ask::lock(&transaction, pool).await?;
    let these = Selection::These(hostnames);
    let hostnames = vms::mark_removing(&transaction, pool, &these).await?;
    let id = ask::queue(&transaction, pool, actor, &Job::Replace { hostnames }).await?;
    transaction.commit().await?;
    Ok(id)
}

/// The job's VMs that are not as it wanted them, and that no operation to come is about.
async fn left_undone(
    client: &impl GenericClient,
    pool: PoolId,
    id: OperationId,
    job: &Job,
) -> Result<Vec<Hostname>, DbError> {
    match job {
        Job::Collect { .. } => return collections::left(client, pool, id).await,
        // Their conflict says what is left to do.
        Job::BringBack { .. } | Job::GiveUp { .. } => return Ok(Vec::new()),
        Job::Launch { .. } | Job::Destroy { .. } | Job::Replace { .. } => {}
    }
    let names: Vec<&str> = job.hostnames().iter().map(Hostname::as_str).collect();
    let wanted_gone = matches!(job, Job::Destroy { .. });
    let rows = client
        .query(
            "select hostname from vm
             where pool_id = $1 and hostname = any($2) and removed_at is null
               and ($3 or status = 'error')
               and not exists (
                   select from operation where operation.pool_id = $1
                     and operation.state in ('queued', 'running')
                     and operation.payload->'hostnames' ? vm.hostname
               )
             order by number",
            &[&pool.as_i64(), &names, &wanted_gone],
        )
        .await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}
