//! The ways out of a conflict with Terraform's state, for an organiser to choose.

use std::collections::BTreeSet;

use super::{Job, OperationId, ask};
use crate::{
    DbError, Scope,
    db::Transaction,
    pools::Pool,
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
        let mut client = scope.db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = scope.sent(&transaction).await? {
            return Ok(before);
        }
        let Conflict { hostnames, .. } = open_conflict(&transaction, &scope.pool, id).await?;
        let id = ask::queue(&transaction, &scope.pool, &scope.actor, &Job::BringBack { hostnames })
            .await?;
        scope.keep(&transaction, &id).await?;
        transaction.commit().await?;
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
        let mut client = scope.db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = scope.sent(&transaction).await? {
            return Ok(before);
        }
        let Conflict { hostnames, .. } = open_conflict(&transaction, &scope.pool, id).await?;
        let same = hostnames.iter().collect::<BTreeSet<_>>() == named.iter().collect();
        if !same {
            return Err(SolveError::NotThese(hostnames));
        }
        let id =
            ask::queue(&transaction, &scope.pool, &scope.actor, &Job::GiveUp { hostnames }).await?;
        scope.keep(&transaction, &id).await?;
        transaction.commit().await?;
        Ok(id)
    })
}

async fn open_conflict(
    transaction: &Transaction<'_>,
    pool: &Pool,
    id: OperationId,
) -> Result<Conflict, SolveError> {
    ask::lock(transaction, pool).await?;
    let conflict = state::conflict_in(transaction, pool, id).await?;
    conflict.filter(|it| !it.solved).ok_or(SolveError::NoConflict)
}
