use super::{LaunchError, launch::launch_in};
use crate::{Scope, events::Change, ids::OperationId};

/// Queues the making of a pool's first `count` VMs; nothing if there is one, or anything was ever
/// done. Allocators that start at the same time ask for them only once.
pub async fn launch_first(scope: &Scope, count: u32) -> Result<Option<OperationId>, LaunchError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    change.lock_pool().await?;
    let touched = change
        .query_one(
            "select exists (select from operation where pool_id = $1)
                 or exists (select from vm where pool_id = $1 and removed_at is null) as touched",
            &[&scope.pool.as_i64()],
        )
        .await?;
    if touched.try_get("touched")? {
        return Ok(None);
    }
    let id = launch_in(&mut change, count).await?;
    change.commit().await?;
    Ok(Some(id))
}
