use std::time::Duration;

use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use super::{TERRAFORM_ATTEMPTS, terraform};
use crate::{
    DbError, Scope,
    events::Change,
    ids::OperationId,
    operations::{Ask, Kind},
    scope::Sent,
    state::{self, Conflict},
};

/// Put these VMs back into Terraform's state, which has lost them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BringBack {
    pub hostnames: Vec<Hostname>,
}

impl Kind for BringBack {
    const WORD: &'static str = "bring_back";
    const NAME: &'static str = "Bring back";
    const MAX_ATTEMPTS: u16 = TERRAFORM_ATTEMPTS;

    fn title(&self) -> String {
        match self.hostnames.len() {
            0 => "Bring Terraform’s state back".to_owned(),
            1 => "Bring 1 VM back into Terraform’s state".to_owned(),
            vms => format!("Bring {vms} VMs back into Terraform’s state"),
        }
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    fn time_limit(&self) -> Duration {
        terraform(self.hostnames.len())
    }
}

/// Why a conflict with Terraform's state can't be solved in this way.
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

/// Queues an operation that puts VMs back into Terraform's state, which an operation found missing
/// there.
pub async fn bring_back(scope: &Scope, id: OperationId) -> Result<OperationId, SolveError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        let Conflict { hostnames, .. } = open_conflict(&change, id).await?;
        let wish = Ask::of(&BringBack { hostnames });
        let id = wish.queue(&mut change).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}

pub(super) async fn open_conflict(
    change: &Change<'_>,
    id: OperationId,
) -> Result<Conflict, SolveError> {
    change.lock_pool().await?;
    let conflict = state::conflict_in(&**change, change.pool(), id).await?;
    conflict.filter(|it| !it.solved).ok_or(SolveError::NoConflict)
}
