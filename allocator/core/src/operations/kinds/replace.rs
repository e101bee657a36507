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

/// Make these VMs anew, under the same names, whether they exist or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replace {
    pub hostnames: Vec<Hostname>,
}

impl Kind for Replace {
    const WORD: &'static str = "replace";
    const NAME: &'static str = "Replace";
    const REMOVES: bool = true;

    fn title(&self) -> String {
        format!("Replace {}", kind::vms(&self.hostnames))
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    fn time_limit(&self) -> Duration {
        terraform(self.hostnames.len())
    }

    async fn rest(self, change: &mut Change<'_>, id: OperationId) -> Result<Option<Ask>, DbError> {
        let hostnames = left_undone(change, id, Wanted::There).await?;
        Ok((!hostnames.is_empty()).then(|| Ask::of(&Self { hostnames })))
    }
}

/// Queues the replacement of VMs: the machine goes, with all that is on it, and a new one of the
/// same name comes. From now on they can't be claimed.
pub async fn replace(scope: &Scope, hostnames: Vec<Hostname>) -> Result<OperationId, AskError> {
    let these = Selection::These(hostnames);
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        ask::lock(&change).await?;
        let hostnames = vms::made(&*change, &scope.pool, &these).await?;
        let wish = Ask::of(&Replace { hostnames });
        let id = wish.queue(&mut change).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}
