//! What happens to a finished archive.

use std::ops::Range;

use super::Wish;
use crate::{
    DbError, Scope,
    events::{Change, Kind},
    ids::OperationId,
    scope::Sent,
};

/// Notes that somebody has received these bytes of a kept archive, counted from 0. When no byte is
/// missing any more, the archive counts as downloaded.
pub async fn taken(scope: &Scope, id: OperationId, bytes: Range<i64>) -> Result<(), DbError> {
    if bytes.is_empty() {
        return Ok(());
    }
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let sql = "insert into collection_download as had (operation_id, actor, taken)
                   select operation_id, $2, int8multirange(int8range($3, $4))
                   from collection where operation_id = $1
                   on conflict (operation_id, actor) do update set taken = had.taken + excluded.taken
                   returning taken @> (select int8range(0, size) from collection
                                       where operation_id = $1)";
        let who = scope.actor.to_string();
        let row = change.query_opt(sql, &[&id, &who, &bytes.start, &bytes.end]).await?;
        let has_all = row.map_or(Ok(false), |row| row.try_get(0))?;
        if has_all {
            let sql = "delete from collection_download where operation_id = $1 and actor = $2";
            change.execute(sql, &[&id, &who]).await?;
            let sql = "update collection set downloaded_at = coalesce(downloaded_at, now())
                       where operation_id = $1";
            change.execute(sql, &[&id]).await?;
            change.event(Kind::ResultsDownloaded).of_operation(id);
        }
        change.commit().await?;
        Ok(())
    })
}

/// Notes that somebody has received a whole archive that was made on the fly and is not kept.
pub async fn streamed(scope: &Scope, wish: &Wish) -> Result<(), DbError> {
    let data = serde_json::json!({ "extension": wish.extension, "hostnames": wish.hostnames });
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    change.event(Kind::ResultsDownloaded).with(data);
    change.commit().await
}

/// Notes that a kept archive is gone from the disk. `false`: it was gone already.
pub async fn discarded(scope: &Scope, id: OperationId) -> Result<bool, DbError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    if let Sent::Again(before) = scope.sent(&*change).await? {
        return Ok(before);
    }
    let sql = "update collection set removed_at = now()
               where operation_id = $1 and removed_at is null";
    if change.execute(sql, &[&id]).await? == 0 {
        return Ok(false);
    }
    change.event(Kind::ResultsDiscarded).of_operation(id);
    scope.keep(&*change, &true).await?;
    change.commit().await?;
    Ok(true)
}
