use std::time::Duration;

use serde_json::json;

use super::{Kinds, LEASE, Lease, Operation, read};
use crate::{
    Actor, DbError, Scope, db,
    events::{self, Change},
    ids::OperationId,
};

/// An operation to work on.
pub struct Taken {
    pub lease: Lease,
    pub operation: Operation,
    /// Its earlier worker vanished in the middle: look at what it left, and end the operation.
    pub abandoned: bool,
    /// How much time is left until its deadline.
    pub time_left: Duration,
}

/// The next operation: one whose lease has run out, else the oldest in the queue that is due, with
/// a free lane, and with VMs that no other operation works on. The operation that it follows must
/// be over.
macro_rules! next {
    () => {
        "select id, state from operation
         where id = (
             (select id from operation
              where pool_id = $1 and state = 'running' and kind = any($2)
                and lease_expires_at < now()
              order by id limit 1)
             union all
             (select id from operation as next
              where pool_id = $1 and state = 'queued' and kind = any($2)
                and (not_before is null or not_before <= now())
                and coalesce((
                    select first.state not in ('awaiting_approval', 'queued', 'running')
                    from operation as first where first.id = next.after_id), true)
                and not exists (
                    select from operation as other where other.pool_id = $1
                      and other.state = 'running' and other.lane = next.lane)
                and not exists (
                    select from operation as other
                    join operation_target as theirs on theirs.operation_id = other.id
                    join operation_target as mine
                        on mine.vm_id in (theirs.vm_id, theirs.successor_id)
                    where other.pool_id = $1 and other.state = 'running'
                      and mine.operation_id = next.id)
              order by id limit 1)
             limit 1)
           and (state = 'queued' or state = 'running' and lease_expires_at < now())"
    };
}

/// Takes the pool's next operation of these kinds, with an event.
///
/// Its start is the time of the write, after the end of the one before. `now()` would be the time
/// of the statement, which may be earlier.
pub async fn take(scope: &Scope, owner: &str, kinds: &Kinds) -> Result<Option<Taken>, DbError> {
    let mut client = scope.client().await?;
    let words = kinds.words();
    // Most looks find nothing, so they take no lock.
    if client.query_opt(next!(), &[&scope.pool.as_i64(), &words]).await?.is_none() {
        return Ok(None);
    }
    let mut change = Change::begin(scope, &mut client).await?;
    // Workers take turns here: two operations in different lanes could be about one VM.
    change.lock_pool().await?;
    let taken = change
        .query_opt(
            concat!(
                "with chosen as (",
                next!(),
                " for no key update)
                 update operation set state = 'running', attempt = attempt + 1,
                     attempts = attempts + 1, lease_owner = $3,
                     lease_expires_at = clock_timestamp() + make_interval(secs => $4::float8),
                     started_at = coalesce(started_at, clock_timestamp()),
                     deadline = coalesce(deadline,
                         clock_timestamp() + make_interval(secs => time_limit_seconds))
                 from chosen where operation.id = chosen.id
                 returning operation.id, attempt, chosen.state = 'running' as abandoned,
                     extract(epoch from deadline - clock_timestamp())::float8 as seconds_left"
            ),
            &[&scope.pool.as_i64(), &words, &owner, &LEASE.as_secs_f64()],
        )
        .await;
    let taken = match taken {
        Ok(Some(row)) => row,
        Ok(None) => return Ok(None),
        // An older allocator, which takes no turns, was quicker.
        Err(error) if db::violated(&error) == Some("operation_running") => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let id: OperationId = taken.try_get("id")?;
    let attempt: i32 = taken.try_get("attempt")?;
    let abandoned = taken.try_get("abandoned")?;
    let seconds: f64 = taken.try_get("seconds_left")?;
    let Some(operation) = read::find_in(&*change, &scope.pool, id).await? else { return Ok(None) };
    let kind =
        if abandoned { events::Kind::OperationTakenOver } else { events::Kind::OperationStarted };
    let data = json!({ "kind": operation.kind, "title": operation.title, "attempt": attempt });
    change.event(kind).of_operation(id).with(data).by(Actor::System);
    change.commit_even_untold().await?;
    let lease = Lease { scope: scope.clone(), id, attempt };
    let time_left = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    Ok(Some(Taken { lease, operation, abandoned, time_left }))
}
