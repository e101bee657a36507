use std::{collections::BTreeSet, time::Duration};

use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use super::{SolveError, TERRAFORM_ATTEMPTS, bring_back::open_conflict, terraform};
use crate::{
    Scope,
    events::Change,
    ids::OperationId,
    operations::{Ask, Kind},
    scope::Sent,
    state::Conflict,
};

/// Let go of these VMs, which Terraform's state has lost, and take the state as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiveUp {
    pub hostnames: Vec<Hostname>,
}

impl Kind for GiveUp {
    const WORD: &'static str = "give_up";
    const NAME: &'static str = "Give up";
    const REMOVES: bool = true;
    const MAX_ATTEMPTS: u16 = TERRAFORM_ATTEMPTS;

    fn title(&self) -> String {
        match self.hostnames.len() {
            0 => "Take Terraform’s state as it is".to_owned(),
            1 => "Give up 1 VM".to_owned(),
            vms => format!("Give up {vms} VMs"),
        }
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    fn time_limit(&self) -> Duration {
        terraform(self.hostnames.len())
    }
}

/// Queues an operation that lets go of VMs which an operation found missing from Terraform's state,
/// and takes the state as it is. The caller names each VM, to confirm.
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
        let wish = Ask::of(&GiveUp { hostnames });
        let id = wish.queue(&mut change).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}
