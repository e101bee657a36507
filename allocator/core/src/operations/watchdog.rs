use std::time::Duration;

use super::end::tell_end;
use crate::{DbError, Scope, events::Change, ids::OperationId};

/// How long after its deadline the watchdog ends an operation. Its worker stops it at the deadline,
/// and a worker that takes over from a lost one needs some time to look at what is left.
const GRACE: Duration = Duration::from_mins(5);

const REASON: &str = "It did not end in time, and no allocator has ended it. What was done so far was \
                      kept. Look at its VMs before you ask for it again.";

/// Ends the pool's operations that run past their deadline, for example because their worker hangs,
/// or no worker knows their kind any more. Returns how many.
pub async fn end_overdue(scope: &Scope) -> Result<u64, DbError> {
    let overdue = "select id from operation
                   where pool_id = $2 and state = 'running'
                     and deadline < now() - make_interval(secs => $1::float8)";
    let grace = GRACE.as_secs_f64();
    let rows = scope.client().await?.query(overdue, &[&grace, &scope.pool.as_i64()]).await?;
    let mut ended = 0;
    for row in rows {
        let id: OperationId = row.try_get("id")?;
        if end(scope, id, grace).await? {
            tracing::error!(operation.id = %id, "an operation did not end in time");
            ended += 1;
        }
    }
    Ok(ended)
}

async fn end(scope: &Scope, id: OperationId, grace: f64) -> Result<bool, DbError> {
    // The next attempt's number fences off a worker that still holds it.
    let sql = "update operation set state = 'failed', reason = $3, finished_at = now(),
                   attempt = attempt + 1, lease_owner = null, lease_expires_at = null
               where id = $2 and state = 'running'
                 and deadline < now() - make_interval(secs => $1::float8)";
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        change.lock_pool().await?;
        if change.execute(sql, &[&grace, &id, &REASON]).await? == 0 {
            return Ok(false);
        }
        tell_end(&mut change, id).await?;
        change.commit_even_untold().await?;
        Ok(true)
    })
}
