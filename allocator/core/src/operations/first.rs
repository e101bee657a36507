use super::{LaunchError, OperationId, ask};
use crate::Scope;

/// Queues the making of a pool's first `count` VMs; nothing if there is one, or anything was ever done.
/// Allocators that start at once ask for them once.
pub async fn launch_first(scope: &Scope, count: u32) -> Result<Option<OperationId>, LaunchError> {
    let mut client = scope.db.client().await?;
    let transaction = client.transaction().await?;
    ask::lock(&transaction, &scope.pool).await?;
    let touched = transaction
        .query_one(
            "select exists (select from operation where pool_id = $1)
                 or exists (select from vm where pool_id = $1 and removed_at is null) as touched",
            &[&scope.pool.as_i64()],
        )
        .await?;
    if touched.try_get("touched")? {
        return Ok(None);
    }
    let id = ask::launch_in(&transaction, &scope.pool, &scope.actor, count).await?;
    transaction.commit().await?;
    Ok(Some(id))
}
