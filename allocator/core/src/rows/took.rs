/// `took (seconds)`, for `with` in statements that pass the pool as `$1`: how long the last twenty
/// VMs that came up took, from when their machines were begun to their agents' first report.
pub(crate) const TOOK: &str = "newest as (
        select vm.id, coalesce(vm_startup.provisioning_started_at, vm.created_at) as begun_at
        from vm left join vm_startup on vm_startup.vm_id = vm.id
        where vm.pool_id = $1 and vm.source in ('local', 'aws') order by vm.id desc limit 100
    ), took as (
        select extract(epoch from first.at - newest.begun_at)::float8 as seconds
        from newest cross join lateral (
            select min(event.at) as at from event
            where event.vm_id = newest.id and event.kind = 'vm.status_changed'
              and event.data->>'to' = 'running' and event.at > newest.begun_at
        ) as first
        where first.at is not null order by newest.id desc limit 20
    )";
