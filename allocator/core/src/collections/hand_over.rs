//! What becomes of an archive once it is there.

use std::ops::Range;

use super::Wish;
use crate::{
    DbError, Scope,
    events::{self, Event},
    operations::OperationId,
    scope::Sent,
};

/// Somebody has got these bytes of a kept archive, counted from 0. With the last ones that were
/// missing, the archive counts as downloaded.
pub async fn taken(scope: &Scope, id: OperationId, bytes: Range<i64>) -> Result<(), DbError> {
    if bytes.is_empty() {
        return Ok(());
    }
    crate::db::again!(async {
        let mut client = scope.db.client().await?;
        let transaction = client.transaction().await?;
        let sql = "insert into collection_download as had (operation_id, actor, taken)
                   select operation_id, $2, int8multirange(int8range($3, $4))
                   from collection where operation_id = $1
                   on conflict (operation_id, actor) do update set taken = had.taken + excluded.taken
                   returning taken @> (select int8range(0, size) from collection
                                       where operation_id = $1)";
        let who = scope.actor.to_string();
        let row = transaction.query_opt(sql, &[&id, &who, &bytes.start, &bytes.end]).await?;
        let has_all = row.map_or(Ok(false), |row| row.try_get(0))?;
        if has_all {
            let sql = "delete from collection_download where operation_id = $1 and actor = $2";
            transaction.execute(sql, &[&id, &who]).await?;
            let sql = "update collection set downloaded_at = coalesce(downloaded_at, now())
                       where operation_id = $1
                       returning pg_notify('operation_changed', operation_id::text)::text";
            transaction.query(sql, &[&id]).await?;
            let event =
                Event { operation_id: Some(id), ..Event::new(&scope.actor, "results.downloaded") };
            events::record(&transaction, &scope.pool, event).await?;
        }
        transaction.commit().await?;
        Ok(())
    })
}

/// Somebody has got a whole archive that was made meanwhile; nothing of it is kept.
pub async fn streamed(scope: &Scope, wish: &Wish) -> Result<(), DbError> {
    let data = serde_json::json!({ "extension": wish.extension, "hostnames": wish.hostnames });
    let event = Event { data, ..Event::new(&scope.actor, "results.downloaded") };
    events::record(&scope.db.client().await?, &scope.pool, event).await
}

/// A kept archive is gone from the disk. `false`: there was none any more.
pub async fn discarded(scope: &Scope, id: OperationId) -> Result<bool, DbError> {
    let mut client = scope.db.client().await?;
    let transaction = client.transaction().await?;
    if let Sent::Again(before) = scope.sent(&transaction).await? {
        return Ok(before);
    }
    let sql = "update collection set removed_at = now()
               where operation_id = $1 and removed_at is null
               returning pg_notify('operation_changed', operation_id::text)::text";
    if transaction.query_opt(sql, &[&id]).await?.is_none() {
        return Ok(false);
    }
    let event = Event { operation_id: Some(id), ..Event::new(&scope.actor, "results.discarded") };
    events::record(&transaction, &scope.pool, event).await?;
    scope.keep(&transaction, &true).await?;
    transaction.commit().await?;
    Ok(true)
}
