//! Collecting results, alone or before what would lose them.

use super::{AskError, Job, OperationId, ask};
use crate::{
    Db,
    collections::{self, ChooseError, Extension, OnSkipped, Wish},
    once::{Asker, Sent},
    pools::PoolId,
    vms::{self, Selection},
};

/// Queues the collection of results.
pub async fn collect(
    db: &Db,
    pool: PoolId,
    asker: impl Into<Asker>,
    wish: &Wish,
) -> Result<OperationId, ChooseError> {
    let asker = asker.into();
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = asker.sent(&transaction, pool).await? {
            return Ok(before);
        }
        ask::lock(&transaction, pool).await?;
        let hostnames = collections::chosen(&transaction, pool, wish.hostnames.as_deref()).await?;
        let (extension, on_skipped) = (wish.extension.clone(), OnSkipped::Accept);
        let job = Job::Collect { hostnames, extension, on_skipped };
        let id = ask::queue(&transaction, pool, &asker.actor, &job).await?;
        asker.keep(&transaction, pool, &id).await?;
        transaction.commit().await?;
        Ok(id)
    })
}

/// Queues the collection of VMs' results and, behind it, their removal, which takes place only if
/// all results came home, and, unless somebody accepts that, nothing was left out that may be meant.
/// From now on they can't be claimed. Answers the removal.
pub async fn collect_and_destroy(
    db: &Db,
    pool: PoolId,
    asker: impl Into<Asker>,
    selection: &Selection,
    extension: Extension,
    on_skipped: OnSkipped,
) -> Result<OperationId, AskError> {
    let asker = asker.into();
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = asker.sent(&transaction, pool).await? {
            return Ok(before);
        }
        ask::lock(&transaction, pool).await?;
        let hostnames = vms::made(&transaction, pool, selection).await?;
        let first =
            Job::Collect { hostnames: hostnames.clone(), extension: extension.clone(), on_skipped };
        let first = ask::queue(&transaction, pool, &asker.actor, &first).await?;
        let then = Job::Destroy { hostnames, after: Some(first) };
        let id = ask::queue(&transaction, pool, &asker.actor, &then).await?;
        asker.keep(&transaction, pool, &id).await?;
        transaction.commit().await?;
        Ok(id)
    })
}
