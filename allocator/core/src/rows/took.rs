/// `took (seconds)`, for `with` in statements that pass the pool as `$1`: how long the last twenty
/// VMs that came up took, from when their machines were begun to their agents' first report.
pub(crate) const TOOK: &str = "reported as (
        select vm_id, id, at from event
        where pool_id = $1 and kind = 'vm.status_changed' and data->>'to' = 'running'
        order by id desc limit 100
    ), took as (
        select extract(epoch from reported.at - machine.begun_at)::float8 as seconds
        from reported cross join lateral (
            select coalesce(vm_startup.provisioning_started_at, vm.created_at) as begun_at
            from vm left join vm_startup on vm_startup.vm_id = vm.id
            where vm.id = reported.vm_id and vm.source in ('local', 'aws')
        ) as machine
        where reported.id = (
            select first.id from event as first
            where first.vm_id = reported.vm_id and first.kind = 'vm.status_changed'
              and first.data->>'to' = 'running' and first.at > machine.begun_at
            order by first.id limit 1)
        order by reported.id desc limit 20
    )";
