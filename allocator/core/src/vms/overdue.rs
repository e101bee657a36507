//! VMs whose machine was begun and whose agent does not report that it runs.

use jiff::Timestamp;
use serde_json::json;
use std::{sync::LazyLock, time::Duration};

use crate::{
    DbError,
    db::GenericClient,
    events::{Change, Kind, Touch},
    pools::Pool,
    rows::TOOK,
};

/// No start is late before this: a start of a minute is no news, even if others took seconds.
const SOONEST: Duration = Duration::from_secs(120);

/// How many seconds a start may take. A subquery, so it is worked out only while a machine starts.
const ALLOWED: &str = "select case when usual.seconds is null then $2::float8
            else least($2::float8, greatest($3::float8, 2 * usual.seconds)) end
        from (select percentile_cont(0.9) within group (order by seconds) as seconds from took) as usual";

/// Notes since when machines have been starting whose agents have not reported yet. A machine whose
/// operation has not begun is not starting. A registered machine starts when it enrols.
pub(super) async fn note_begun(client: &impl GenericClient, pool: &Pool) -> Result<(), DbError> {
    let sql = "with begun as (
            select vm.id, start.at
            from vm left join lateral (
                     select operation.id, operation.finished_at
                     from (select operation_id from operation_target
                           where vm_id = vm.id and successor_id is null
                           union all
                           select operation_id from operation_target where successor_id = vm.id)
                          as target join operation on operation.id = target.operation_id
                     where operation.kind in ('launch', 'replace')
                       and (operation.finished_at is null
                            or operation.finished_at > now() - interval '1 hour')
                     order by operation.id desc limit 1
                 ) as making on true
                 left join lateral (
                     select started_at from operation_vm
                     where operation_id = making.id and hostname = vm.hostname
                       and stage in ('creating', 'done', 'failed', 'unfinished')
                     limit 1
                 ) as step on true
                 left join lateral (
                     select used_at from enrolment where vm_id = vm.id limit 1) as enrolment on true
                 cross join lateral (select case
                     when vm.source = 'manual' then enrolment.used_at
                     -- Nobody made it here, or its operation ended long ago.
                     when making.id is null then vm.created_at
                     else coalesce(step.started_at, making.finished_at) end as at) as start
            where vm.pool_id = $1 and vm.status = 'initializing' and vm.starting_since is null
              and vm.removed_at is null and vm.removing_at is null and start.at is not null
            for no key update of vm skip locked
        )
        update vm set starting_since = begun.at from begun where vm.id = begun.id";
    let statement = client.prepare_cached(sql).await?;
    client.execute(&statement, &[&pool.as_i64()]).await?;
    Ok(())
}

/// Points out machines that take too long: twice as long as nine of ten starts before, or `longest`
/// where that is less or nothing is known of others; and registered ones whose install command has
/// expired unused.
pub(super) async fn point_out(change: &mut Change<'_>, longest: Duration) -> Result<(), DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "with {TOOK}, late as (
                 select vm.id from vm left join lateral (
                     select expires_at from enrolment where vm_id = vm.id limit 1
                 ) as enrolment on true
                 where vm.pool_id = $1 and vm.status = 'initializing' and vm.overdue_at is null
                   and vm.claim_id is null and vm.removed_at is null and vm.removing_at is null
                   and (vm.starting_since < now() - make_interval(secs => ({ALLOWED}))
                        or vm.source = 'manual' and vm.starting_since is null
                           and enrolment.expires_at < now())
                 for no key update of vm skip locked
             )
             update vm set overdue_at = now() from late where vm.id = late.id
             returning vm.id, vm.starting_since"
        )
    });
    let statement = change.prepare_cached(&SQL).await?;
    let (longest, soonest) = (longest.as_secs_f64(), SOONEST.as_secs_f64());
    let pool = change.pool().as_i64();
    for late in change.query(&statement, &[&pool, &longest, &soonest]).await? {
        let since: Option<Timestamp> = late.try_get("starting_since")?;
        let event = change.event(Kind::VmOverdue).of_vm(late.try_get("id")?);
        event.with(json!({ "starting_since": since }));
        // The line must not be told that one of them comes any moment.
        change.touch(Touch::Line);
    }
    Ok(())
}
