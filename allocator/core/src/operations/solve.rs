//! The ways out of a conflict with Terraform's state, for an organiser to choose.

use std::collections::BTreeSet;

use super::{Job, ask};
use crate::{
    DbError, Scope,
    events::Change,
    ids::OperationId,
    scope::Sent,
    state::{self, Conflict},
};
use lablink_protocol::Hostname;

/// Why a conflict can't be solved in this way.
#[derive(Debug, thiserror::Error)]
pub enum SolveError {
    #[error(
        "This operation has no open conflict with Terraform's state. Retry it, or look at a later \
         one."
    )]
    NoConflict,
    #[error(
        "Name all VMs that Terraform's state lacks, and no others: {}.",
        .0.iter().map(Hostname::as_str).collect::<Vec<_>>().join(", ")
    )]
    NotThese(Vec<Hostname>),
    #[error("the operation could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(SolveError);

/// Queues that the VMs which an operation found missing from Terraform's state are put back into
/// it.
pub async fn bring_back(scope: &Scope, id: OperationId) -> Result<OperationId, SolveError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        let Conflict { hostnames, .. } = open_conflict(&change, id).await?;
        let id = ask::queue(&mut change, &Job::BringBack { hostnames }).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}

/// Queues that the VMs which an operation found missing from Terraform's state are let go of, and
/// that the state counts as it is. Who means it names each of them.
pub async fn give_up(
    scope: &Scope,
    id: OperationId,
    named: Vec<Hostname>,
) -> Result<OperationId, SolveError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        let Conflict { hostnames, .. } = open_conflict(&change, id).await?;
        let same = hostnames.iter().collect::<BTreeSet<_>>() == named.iter().collect();
        if !same {
            return Err(SolveError::NotThese(hostnames));
        }
        let id = ask::queue(&mut change, &Job::GiveUp { hostnames }).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}

async fn open_conflict(change: &Change<'_>, id: OperationId) -> Result<Conflict, SolveError> {
    ask::lock(change).await?;
    let conflict = state::conflict_in(&**change, change.pool(), id).await?;
    conflict.filter(|it| !it.solved).ok_or(SolveError::NoConflict)
}
