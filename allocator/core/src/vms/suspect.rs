//! VMs whose agent sent heartbeats and sends none any more.

use std::time::Duration;

use crate::db::GenericClient;

use crate::{DbError, pools::PoolId};

/// Points out VMs whose agent has been silent for so long, and says how many. Those that do not run yet are overdue in
/// their own time.
pub(super) async fn point_out(
    client: &impl GenericClient,
    pool: PoolId,
    after: Duration,
) -> Result<u64, DbError> {
    let sql = "with silent as (
            select vm.id, vm_presence.last_seen
            from vm join vm_presence on vm_presence.vm_id = vm.id
            where vm.pool_id = $1 and vm.suspect_at is null
              and vm.removed_at is null and vm.removing_at is null
              and (vm.status = 'running' or vm.claim_id is not null)
              and vm_presence.last_seen < now() - make_interval(secs => $2::float8)
            for no key update of vm skip locked
        ), marked as (
            update vm set suspect_at = now() from silent where vm.id = silent.id
            returning vm.id, silent.last_seen, pg_notify('vm_changed', vm.hostname)::text
        )
        insert into event (pool_id, actor, kind, vm_id, data)
        select $1, 'system', 'vm.suspect', id, jsonb_build_object('last_seen', last_seen)
        from marked";
    let statement = client.prepare_cached(sql).await?;
    Ok(client.execute(&statement, &[&pool.as_i64(), &after.as_secs_f64()]).await?)
}

/// Agents that were pointed out as silent and are heard again. One that says goodbye is not.
pub(super) async fn note_heard(client: &impl GenericClient, pool: PoolId) -> Result<(), DbError> {
    let sql = "with heard as (
            select vm.id, vm.suspect_at from vm join vm_presence on vm_presence.vm_id = vm.id
            where vm.pool_id = $1 and vm.removed_at is null
              and vm_presence.last_seen > vm.suspect_at and not vm_presence.stopped
            for no key update of vm skip locked
        ), marked as (
            update vm set suspect_at = null from heard where vm.id = heard.id
            returning vm.id, heard.suspect_at, pg_notify('vm_changed', vm.hostname)::text
        )
        insert into event (pool_id, actor, kind, vm_id, data)
        select $1, 'system', 'vm.heard', id, jsonb_build_object('suspect_at', suspect_at)
        from marked";
    let statement = client.prepare_cached(sql).await?;
    client.execute(&statement, &[&pool.as_i64()]).await?;
    Ok(())
}
