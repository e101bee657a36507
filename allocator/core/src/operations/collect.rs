//! Collecting results, alone or before what would lose them.

use super::{AskError, Job, OperationId, ask};
use crate::{
    Actor, Db,
    collections::{self, ChooseError, Extension, Wish},
    pools::PoolId,
    vms::{self, Selection},
};

/// Queues the collection of results.
pub async fn collect(
    db: &Db,
    pool: PoolId,
    actor: &Actor,
    wish: &Wish,
) -> Result<OperationId, ChooseError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    ask::lock(&transaction, pool).await?;
    let hostnames = collections::chosen(&transaction, pool, wish.hostnames.as_deref()).await?;
    let job = Job::Collect { hostnames, extension: wish.extension.clone() };
    let id = ask::queue(&transaction, pool, actor, &job).await?;
    transaction.commit().await?;
    Ok(id)
}

/// Queues the collection of VMs' results and, behind it, their removal, which takes place only if
/// all results came home. From now on they can't be claimed. Answers the removal.
pub async fn collect_and_destroy(
    db: &Db,
    pool: PoolId,
    actor: &Actor,
    selection: &Selection,
    extension: Extension,
) -> Result<OperationId, AskError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    ask::lock(&transaction, pool).await?;
    let hostnames = vms::made(&transaction, pool, selection).await?;
    let first = Job::Collect { hostnames: hostnames.clone(), extension };
    let first = ask::queue(&transaction, pool, actor, &first).await?;
    let then = Job::Destroy { hostnames, after: Some(first) };
    let id = ask::queue(&transaction, pool, actor, &then).await?;
    transaction.commit().await?;
    Ok(id)
}
