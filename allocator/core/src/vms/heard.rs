use std::time::Duration;

use crate::{DbError, Scope};

/// How many machines should be heard by now, and how many of them are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Those that run, and those that have been starting for longer than `slow_start`.
    pub expected: i64,
    /// Of these, with a sign of life within the last two minutes.
    pub heard: i64,
    /// On AWS, running for ten minutes and more.
    pub on_aws: i64,
    /// Of these, without a line of log.
    pub without_log: i64,
}

/// Counts who is heard.
pub async fn heard(scope: &Scope, slow_start: Duration) -> Result<Heard, DbError> {
    let sql = "with machine as (
            select vm.id, vm.source, vm.status, presence.last_seen,
                   vm.source = 'aws' and vm.status = 'running'
                       and vm.created_at < now() - interval '10 minutes' as writes
            from vm left join vm_presence as presence on presence.vm_id = vm.id
            where vm.pool_id = $1 and vm.removed_at is null and vm.removing_at is null
              and (vm.status = 'running'
                   or vm.starting_since < now() - make_interval(secs => $2::float8))
        )
        select count(*) as expected,
               count(*) filter (where last_seen > now() - interval '2 minutes') as heard,
               count(*) filter (where writes) as on_aws,
               count(*) filter (where writes and not exists (
                   select from log_volume where vm_id = machine.id and lines > 0)) as without_log
        from machine";
    let client = scope.client().await?;
    let slow = slow_start.as_secs_f64();
    let row = client.query_one(sql, &[&scope.pool.as_i64(), &slow]).await?;
    Ok(Heard {
        expected: row.try_get("expected")?,
        heard: row.try_get("heard")?,
        on_aws: row.try_get("on_aws")?,
        without_log: row.try_get("without_log")?,
    })
}
