//! Collecting results, alone or before what would lose them.

use super::{AskError, Job, OperationId, ask};
use crate::{
    Scope,
    collections::{self, ChooseError, OnSkipped, Wish},
    pools::Extension,
    scope::Sent,
    vms::{self, Selection},
};

/// Queues the collection of results.
pub async fn collect(scope: &Scope, wish: &Wish) -> Result<OperationId, ChooseError> {
    crate::db::again!(async {
        let mut client = scope.db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = scope.sent(&transaction).await? {
            return Ok(before);
        }
        ask::lock(&transaction, &scope.pool).await?;
        let hostnames =
            collections::chosen(&transaction, &scope.pool, wish.hostnames.as_deref()).await?;
        let (extension, on_skipped) = (wish.extension.clone(), OnSkipped::Accept);
        let job = Job::Collect { hostnames, extension, on_skipped };
        let id = ask::queue(&transaction, &scope.pool, &scope.actor, &job).await?;
        scope.keep(&transaction, &id).await?;
        transaction.commit().await?;
        Ok(id)
    })
}

/// Queues the collection of VMs' results and, behind it, their removal, which takes place only if
/// all results came home, and, unless somebody accepts that, nothing was left out that may be meant.
/// From now on they can't be claimed. Answers the removal.
pub async fn collect_and_destroy(
    scope: &Scope,
    selection: &Selection,
    extension: Extension,
    on_skipped: OnSkipped,
) -> Result<OperationId, AskError> {
    crate::db::again!(async {
        let mut client = scope.db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = scope.sent(&transaction).await? {
            return Ok(before);
        }
        ask::lock(&transaction, &scope.pool).await?;
        let hostnames = vms::made(&transaction, &scope.pool, selection).await?;
        let first =
            Job::Collect { hostnames: hostnames.clone(), extension: extension.clone(), on_skipped };
        let first = ask::queue(&transaction, &scope.pool, &scope.actor, &first).await?;
        let then = Job::Destroy { hostnames, after: Some(first) };
        let id = ask::queue(&transaction, &scope.pool, &scope.actor, &then).await?;
        scope.keep(&transaction, &id).await?;
        transaction.commit().await?;
        Ok(id)
    })
}
