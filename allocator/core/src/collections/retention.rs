use std::time::Duration;

use crate::{DbError, Scope, ids::OperationId};

/// How many archives an allocator keeps on its disk.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub age: Duration,
    /// The most bytes of all archives together. The newest is kept however large it is, since
    /// nobody could have downloaded it yet.
    pub bytes: i64,
    /// At least 1.
    pub archives: i64,
}

/// The archives on this allocator's disk that are beyond the bounds, oldest first.
pub async fn beyond(
    scope: &Scope,
    kept_by: &str,
    retention: &Retention,
) -> Result<Vec<OperationId>, DbError> {
    let rows = scope
        .db
        .client()
        .await?
        .query(
            "select operation_id from (
                 select operation_id, collection.finished_at,
                        row_number() over newest_first as place,
                        (sum(size) over newest_first)::bigint as bytes
                 from collection join operation on operation.id = operation_id
                 where operation.pool_id = $1 and kept_by = $2 and removed_at is null
                 window newest_first as (order by operation_id desc rows unbounded preceding)
             ) as kept
             where finished_at < now() - make_interval(secs => $3::float8)
                or place > $4 or (bytes > $5 and place > 1)
             order by operation_id",
            &[
                &scope.pool.as_i64(),
                &kept_by,
                &retention.age.as_secs_f64(),
                &retention.archives,
                &retention.bytes,
            ],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get("operation_id")?)).collect()
}
