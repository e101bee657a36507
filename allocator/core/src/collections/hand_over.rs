//! What becomes of an archive once it is there.

use super::Wish;
use crate::{
    Actor, Db, DbError,
    events::{self, Event},
    once::{Asker, Sent},
    operations::OperationId,
    pools::PoolId,
};

/// Somebody begins to download a kept archive.
pub async fn downloaded(
    db: &Db,
    pool: PoolId,
    actor: &Actor,
    id: OperationId,
) -> Result<(), DbError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    let sql = "update collection set downloaded_at = coalesce(downloaded_at, now())
               where operation_id = $1";
    transaction.execute(sql, &[&id]).await?;
    let event = Event { operation_id: Some(id), ..Event::new(actor, "results.downloaded") };
    events::record(&transaction, pool, event).await?;
    transaction.commit().await?;
    Ok(())
}

/// Somebody is given an archive while it is made; nothing of it is kept.
pub async fn streamed(db: &Db, pool: PoolId, actor: &Actor, wish: &Wish) -> Result<(), DbError> {
    let data = serde_json::json!({ "extension": wish.extension, "hostnames": wish.hostnames });
    let event = Event { data, ..Event::new(actor, "results.downloaded") };
    events::record(&db.client().await?, pool, event).await
}

/// A kept archive is gone from the disk. `false`: there was none any more.
pub async fn discarded(
    db: &Db,
    pool: PoolId,
    asker: impl Into<Asker>,
    id: OperationId,
) -> Result<bool, DbError> {
    let asker = asker.into();
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    if let Sent::Again(before) = asker.sent(&transaction, pool).await? {
        return Ok(before);
    }
    let sql = "update collection set removed_at = now()
               where operation_id = $1 and removed_at is null
               returning pg_notify('operation_changed', operation_id::text)::text";
    if transaction.query_opt(sql, &[&id]).await?.is_none() {
        return Ok(false);
    }
    let event = Event { operation_id: Some(id), ..Event::new(&asker.actor, "results.discarded") };
    events::record(&transaction, pool, event).await?;
    asker.keep(&transaction, pool, &true).await?;
    transaction.commit().await?;
    Ok(true)
}
