use std::time::Duration;

use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use super::{
    AskError, TERRAFORM_ATTEMPTS,
    left::{Wanted, left_undone},
    of_made::ask_of_made,
    terraform,
};
use crate::{
    DbError, Scope,
    events::Change,
    ids::{OperationId, VmId},
    operations::{Ask, Kind, Standing, targets_in, vm_count},
    vms::{self, Selection, Unmet},
};

/// Make these VMs anew, under the same names, whether they exist or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replace {
    pub hostnames: Vec<Hostname>,
}

impl Kind for Replace {
    const WORD: &'static str = "replace";
    const NAME: &'static str = "Replace";
    const REMOVES: bool = true;
    const MAX_ATTEMPTS: u16 = TERRAFORM_ATTEMPTS;

    fn title(&self) -> String {
        format!("Replace {}", vm_count(&self.hostnames))
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    fn time_limit(&self) -> Duration {
        terraform(self.hostnames.len())
    }

    /// The VMs of an attempt that is not tried again have rows for new machines already.
    async fn undo(&self, change: &mut Change<'_>, id: OperationId) -> Result<(), DbError> {
        let targets = targets_in(&**change, id).await?.into_iter();
        let begun = targets.filter(|it| it.standing == Standing::Replaced);
        let begun: Vec<VmId> = begun.map(|it| it.vm_id).collect();
        let unmade = vms::unmade_among(&**change, &begun).await?.into_iter();
        let unmade = unmade.map(|vm_id| (vm_id, CANCELLED.to_owned()));
        vms::doubt_in(change, &unmade.collect::<Vec<Unmet>>()).await
    }

    async fn rest(self, change: &mut Change<'_>, id: OperationId) -> Result<Option<Ask>, DbError> {
        let hostnames = left_undone(change, id, Wanted::There).await?;
        Ok((!hostnames.is_empty()).then(|| Ask::of(&Self { hostnames })))
    }
}

const CANCELLED: &str =
    "It was to be made anew, and that was cancelled before it was done. Replace it.";

/// Queues the replacement of VMs: the machine goes, with all that is on it, and a new one of the
/// same name comes. From now on they can't be claimed.
pub async fn replace(scope: &Scope, hostnames: Vec<Hostname>) -> Result<OperationId, AskError> {
    ask_of_made(scope, &Selection::These(hostnames), |hostnames| Replace { hostnames }).await
}
