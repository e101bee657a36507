//! Collecting results, alone or before what would lose them.

use std::time::Duration;

use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use super::{ChooseError, OnSkipped, chosen, left};
use crate::{
    DbError, Scope,
    events::Change,
    ids::OperationId,
    operations::{Ask, AskError, Destroy, Kind, vm_count},
    pools::Extension,
    scope::Sent,
    vms::{self, Selection},
};

/// Collect the results of these VMs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collect {
    pub hostnames: Vec<Hostname>,
    pub extension: Extension,
    #[serde(default, skip_serializing_if = "OnSkipped::is_default")]
    pub on_skipped: OnSkipped,
}

impl Kind for Collect {
    const WORD: &'static str = "collect";
    const NAME: &'static str = "Collect";

    fn title(&self) -> String {
        format!("Collect the results of {}", vm_count(&self.hostnames))
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    /// Each VM has limits of its own, which settings may raise.
    fn time_limit(&self) -> Duration {
        Duration::from_hours(24)
    }

    /// Progress counts files, and nobody has counted them yet.
    fn total(&self) -> usize {
        0
    }

    async fn rest(self, change: &mut Change<'_>, id: OperationId) -> Result<Option<Ask>, DbError> {
        let hostnames = left(&**change, change.pool(), id).await?;
        Ok((!hostnames.is_empty()).then(|| Ask::of(&Self { hostnames, ..self })))
    }
}

/// Queues the collection of results.
pub async fn collect(
    scope: &Scope,
    selection: &Selection,
    extension: Extension,
) -> Result<OperationId, ChooseError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        change.lock_pool().await?;
        let hostnames = chosen(&*change, &scope.pool, selection).await?;
        let (extension, on_skipped) = (extension.clone(), OnSkipped::Accept);
        let job = Ask::of(&Collect { hostnames, extension, on_skipped });
        let id = job.queue(&mut change).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}

/// Queues the collection of VMs' results and, after it, their removal. The removal takes place only
/// if all results came home and nothing that may be a result was left out, unless the caller
/// accepts that. From now on the VMs can't be claimed. Returns the removal.
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
        change.lock_pool().await?;
        let hostnames = vms::made(&*change, &scope.pool, selection).await?;
        let first = Ask::of(&Collect {
            hostnames: hostnames.clone(),
            extension: extension.clone(),
            on_skipped,
        });
        let first = first.queue(&mut change).await?;
        let then = Ask::of(&Destroy { hostnames }).after(first);
        let id = then.queue(&mut change).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}
