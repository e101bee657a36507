use lablink_protocol::Hostname;

use super::AskError;
use crate::{
    Scope,
    events::Change,
    ids::OperationId,
    operations::{Ask, Kind},
    scope::Sent,
    vms::{self, Selection},
};

/// Queues an operation on VMs that LabLink has made.
pub(super) async fn ask_of_made<K: Kind>(
    scope: &Scope,
    selection: &Selection,
    job: fn(Vec<Hostname>) -> K,
) -> Result<OperationId, AskError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        change.lock_pool().await?;
        let hostnames = vms::made(&*change, &scope.pool, selection).await?;
        let id = Ask::of(&job(hostnames)).queue(&mut change).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}
