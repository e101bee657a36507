//! Collecting results, alone or before what would lose them.

use super::{AskError, Job, ask};
use crate::{
    Scope,
    collections::{self, ChooseError, OnSkipped, Wish},
    events::Change,
    ids::OperationId,
    pools::Extension,
    scope::Sent,
    vms::{self, Selection},
};

/// Queues the collection of results.
pub async fn collect(scope: &Scope, wish: &Wish) -> Result<OperationId, ChooseError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        ask::lock(&change).await?;
        let hostnames =
            collections::chosen(&*change, &scope.pool, wish.hostnames.as_deref()).await?;
        let (extension, on_skipped) = (wish.extension.clone(), OnSkipped::Accept);
        let job = Job::Collect { hostnames, extension, on_skipped };
        let id = ask::queue(&mut change, &job).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
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
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        ask::lock(&change).await?;
        let hostnames = vms::made(&*change, &scope.pool, selection).await?;
        let first =
            Job::Collect { hostnames: hostnames.clone(), extension: extension.clone(), on_skipped };
        let first = ask::queue(&mut change, &first).await?;
        let then = Job::Destroy { hostnames, after: Some(first) };
        let id = ask::queue(&mut change, &then).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}
