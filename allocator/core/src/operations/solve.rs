//! The ways out of a conflict with Terraform's state, for an organiser to choose.

use std::collections::BTreeSet;

use crate::db::Transaction;
use lablink_protocol::Hostname;

use super::{Job, OperationId, ask};
use crate::{
    Actor, Db, DbError,
    pools::PoolId,
    state::{self, Conflict},
};

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
pub async fn bring_back(
    db: &Db,
    pool: PoolId,
    actor: &Actor,
    id: OperationId,
) -> Result<OperationId, SolveError> {
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        let Conflict { hostnames, .. } = open_conflict(&transaction, pool, id).await?;
        let id = ask::queue(&transaction, pool, actor, &Job::BringBack { hostnames }).await?;
        transaction.commit().await?;
        Ok(id)
    })
}

/// Queues that the VMs which an operation found missing from Terraform's state are let go of, and
/// that the state counts as it is. Who means it names each of them.
pub async fn give_up(
    db: &Db,
    pool: PoolId,
    actor: &Actor,
    id: OperationId,
    named: Vec<Hostname>,
) -> Result<OperationId, SolveError> {
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        let Conflict { hostnames, .. } = open_conflict(&transaction, pool, id).await?;
        let same = hostnames.iter().collect::<BTreeSet<_>>() == named.iter().collect();
        if !same {
            return Err(SolveError::NotThese(hostnames));
        }
        let id = ask::queue(&transaction, pool, actor, &Job::GiveUp { hostnames }).await?;
        transaction.commit().await?;
        Ok(id)
    })
}

async fn open_conflict(
    transaction: &Transaction<'_>,
    pool: PoolId,
    id: OperationId,
) -> Result<Conflict, SolveError> {
    ask::lock(transaction, pool).await?;
    let conflict = state::conflict_in(transaction, pool, id).await?;
    conflict.filter(|it| !it.solved).ok_or(SolveError::NoConflict)
}
