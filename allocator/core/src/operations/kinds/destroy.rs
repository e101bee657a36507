use std::time::Duration;

use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use super::{
    AskError,
    left::{Wanted, left_undone},
    terraform,
};
use crate::{
    DbError, Scope,
    events::Change,
    ids::OperationId,
    operations::{Ask, Kind, ask, kind},
    scope::Sent,
    vms::{self, Selection},
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

    fn title(&self) -> String {
        format!("Destroy {}", kind::vms(&self.hostnames))
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
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        ask::lock(&change).await?;
        let hostnames = vms::made(&*change, &scope.pool, selection).await?;
        let wish = Ask::of(&Destroy { hostnames });
        let id = wish.queue(&mut change).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}
