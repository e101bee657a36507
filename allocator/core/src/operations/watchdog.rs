use std::time::Duration;

use super::{OperationId, ask, lease::tell_end};
use crate::{Db, DbError, pools::PoolId};

/// How long after its deadline an operation is ended by others: its worker stops it at the deadline,
/// and whoever takes over from a worker that is gone gets some time to look at what it left.
const GRACE: Duration = Duration::from_mins(5);

const REASON: &str = "It did not end in time, and no allocator has ended it. What was done so far was \
                      kept. Look at its VMs before you ask for it again.";

/// Ends operations that run past their deadline, whoever has them: a worker that hangs, or none that
/// knows the kind any more. Answers how many.
pub async fn end_overdue(db: &Db) -> Result<u64, DbError> {
    let overdue = "select pool_id, id from operation
                   where state = 'running' and deadline < now() - make_interval(secs => $1::float8)";
    let grace = GRACE.as_secs_f64();
    let rows = db.client().await?.query(overdue, &[&grace]).await?;
    let mut ended = 0;
    for row in rows {
        let pool = PoolId::from_i64(row.try_get("pool_id")?);
        let id: OperationId = row.try_get("id")?;
        let done: bool = crate::db::again!(async {
            let mut client = db.client().await?;
            let transaction = client.transaction().await?;
            ask::lock(&transaction, pool).await?;
            // The next attempt's number fences off whoever still holds it.
            let sql = "update operation set state = 'failed', reason = $3, finished_at = now(),
                           attempt = attempt + 1, lease_owner = null, lease_expires_at = null
                       where id = $2 and state = 'running'
                         and deadline < now() - make_interval(secs => $1::float8)";
            if transaction.execute(sql, &[&grace, &id, &REASON]).await? == 0 {
                return Ok(false);
            }
            tell_end(&transaction, pool, id).await?;
            transaction.commit().await?;
            Ok::<_, DbError>(true)
        })?;
        if done {
            tracing::error!(operation.id = id, "an operation did not end in time");
            ended += 1;
        }
    }
    Ok(ended)
}
