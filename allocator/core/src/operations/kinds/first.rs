use super::launch::launch_in;
use crate::{
    Actor, Db, DbError,
    operations::{OperationId, ask},
    pools::PoolId,
    vms::NewVms,
};

/// Queues the making of a pool's first VMs; nothing if there is one, or anything was ever done.
/// Allocators that start at once ask for them once.
pub async fn launch_first(
    db: &Db,
    pool: PoolId,
    actor: &Actor,
    new: &NewVms<'_>,
) -> Result<Option<OperationId>, DbError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    ask::lock(&transaction, pool).await?;
    let touched = transaction
        .query_one(
            "select exists (select from operation where pool_id = $1)
                 or exists (select from vm where pool_id = $1 and removed_at is null) as touched",
            &[&pool.as_i64()],
        )
        .await?;
    if touched.try_get("touched")? {
        return Ok(None);
    }
    let id = launch_in(&transaction, pool, actor, new).await?;
    transaction.commit().await?;
    Ok(Some(id))
}
