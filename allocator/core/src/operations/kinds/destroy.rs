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
    ids::OperationId,
    operations::{Ask, Kind, vm_count},
    vms::Selection,
};

/// Remove these VMs, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destroy {
    pub hostnames: Vec<Hostname>,
}

impl Kind for Destroy {
    const WORD: &'static str = "destroy";
    const NAME: &'static str = "Destroy";
    const REMOVES: bool = true;
    const MAX_ATTEMPTS: u16 = TERRAFORM_ATTEMPTS;

    fn title(&self) -> String {
        format!("Destroy {}", vm_count(&self.hostnames))
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    fn time_limit(&self) -> Duration {
        terraform(self.hostnames.len())
    }

    fn unmet(&self, first: OperationId) -> String {
        format!(
            "Nothing was destroyed: the results were to be collected first, and operation {first} \
             did not bring all of them home. Look at what it says, and collect again or destroy \
             without."
        )
    }

    async fn rest(self, change: &mut Change<'_>, id: OperationId) -> Result<Option<Ask>, DbError> {
        let hostnames = left_undone(change, id, Wanted::Gone).await?;
        Ok((!hostnames.is_empty()).then(|| Ask::of(&Self { hostnames })))
    }
}

/// Queues the removal of VMs: from now on they can't be claimed.
pub async fn destroy(scope: &Scope, selection: &Selection) -> Result<OperationId, AskError> {
    ask_of_made(scope, selection, |hostnames| Destroy { hostnames }).await
}
