-- What pages and tasks ask of history and of the line is answered by an index, or counted as it
-- changes. So it costs the same however much there is.

-- Machines that start: few, and asked for by each look at a place in line and by a pass.
create index vm_starting on vm (pool_id, starting_since, id)
    where status = 'initializing' and removed_at is null;
-- Earlier machines of a name. Their rows change no more, so no claim has to keep this.
create index vm_earlier on vm (pool_id, hostname, id) where removed_at is not null;
-- VMs that nobody asked for, of which a pool takes in only so many.
create index vm_unknown on vm (pool_id) where source = 'unknown' and removed_at is null;

-- A VM's claims, the newest first.
create index claim_of_vm on claim (vm_id, id);
drop index claim_by_vm;

-- When VMs reported that they run: the first time of each, and the last ones of a pool.
create index event_running_of_vm on event (vm_id, id)
    where kind = 'vm.status_changed' and data->>'to' = 'running';
create index event_running on event (pool_id, id)
    where kind = 'vm.status_changed' and data->>'to' = 'running';

-- Requests to get back into an open claim since its last new link, and when the last one came. An
-- older allocator leaves both alone: what is asked there is told by history only.
alter table claim
    add column reentries integer not null default 0,
    add column reentry_at timestamptz;
update claim set reentries = asked.times, reentry_at = asked.last
from (
    select event.claim_id, count(*) as times, max(event.at) as last from event
    where event.kind = 'claim.reentry_requested' and not exists (
        select from event as answer
        where answer.claim_id = event.claim_id and answer.kind = 'claim.link_issued'
          and answer.id > event.id)
    group by event.claim_id
) as asked
where asked.claim_id = claim.id and claim.released_at is null;
create index claim_reentry on claim (pool_id, reentry_at)
    where reentry_at is not null and released_at is null;

-- The line in its order, and what time does to it.
create index place_in_order on place (pool_id, (invited_until is null), id) where ended_at is null;
create index place_by_look on place (pool_id, last_looked_at) where ended_at is null;
create index place_offered on place (pool_id, offered_at)
    where offered_at is not null and ended_at is null;
drop index place_open;
-- Addresses that are to be forgotten.
create index place_to_forget on place (ended_at) where origin is not null and ended_at is not null;
create index claim_to_forget on claim (released_at) where origin is not null and released_at is not null;

-- Lists of operations, by what they are or how they stand.
create index operation_by_kind on operation (pool_id, kind, id);
create index operation_by_state on operation (pool_id, state, id);
create index operation_target_by_successor on operation_target (successor_id, operation_id)
    where successor_id is not null;
-- How many VMs an operation names; one that names none is about one.
alter table operation add column vms integer not null generated always as (coalesce(
    jsonb_array_length(case jsonb_typeof(payload->'hostnames') when 'array' then payload->'hostnames' end),
    1)) stored;

-- How many operations of each kind are in each state.
create table operation_count (
    pool_id    bigint not null references pool,
    kind       text not null,
    state      text not null,
    operations bigint not null,
    primary key (pool_id, kind, state)
);
insert into operation_count
select pool_id, kind, state, count(*) from operation group by pool_id, kind, state;
create function operation_counted() returns trigger language plpgsql as $$
begin
    insert into operation_count
    select new.pool_id, new.kind, state, step
    from (select new.state, 1 union all select old.state, -1 where tg_op = 'UPDATE')
         as change(state, step)
    -- In one order, so that two of these never wait for each other in a circle.
    order by state
    on conflict (pool_id, kind, state)
    do update set operations = operation_count.operations + excluded.operations;
    return null;
end $$;
create trigger operation_counted after insert on operation
    for each row execute function operation_counted();
create trigger operation_counted_on after update of state on operation
    for each row when (old.state <> new.state) execute function operation_counted();

-- Archives on an allocator's disk.
create index collection_kept on collection (kept_by, operation_id) where removed_at is null;

-- How a pool was used, by quarters of an hour: as it was when a pass last looked in each.
create table usage_sample (
    pool_id   bigint not null references pool,
    at        timestamptz not null,
    claimed   integer not null,
    in_use    integer not null,
    healthy   integer not null,
    degraded  integer not null,
    unhealthy integer not null,
    primary key (pool_id, at)
);
