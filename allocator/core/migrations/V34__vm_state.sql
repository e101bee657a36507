-- The state of a VM is a column, so that an index answers for it: what questions about a pool cost
-- no longer grows with the pool. The words are those of vms/state.rs, worst first.
alter table vm
    -- When a pass found that its agent had stopped or had been silent for too long to hand the VM
    -- out; null: it is heard, or has never sent a heartbeat.
    add column stale_at timestamptz,
    add column state text not null generated always as (case
        when removing_at is not null then 'removing'
        when barred_at is not null then 'barred'
        when status in ('error', 'unknown') then 'failed'
        when gpu is not distinct from 'unhealthy' then 'unhealthy'
        when status = 'initializing' and claim_id is null and overdue_at is not null then 'overdue'
        when status = 'initializing' and claim_id is null then 'starting'
        when used_at is not null and claim_id is null then 'used'
        when token_due_at is not null and claim_id is null then 'token_due'
        when suspect_at is not null then 'suspect'
        when stale_at is not null then 'stale'
        when claim_id is not null then 'claimed'
        when place_id is not null then 'offered'
        else 'free' end) stored;

-- The order in which VMs are handed out.
create index vm_free on vm (pool_id, (gpu is not distinct from 'degraded'), number, id)
    where state = 'free' and removed_at is null;
create index vm_by_state on vm (pool_id, state, number, id) where removed_at is null;
-- Silent VMs that nobody was told of.
create index vm_stale on vm (pool_id, stale_at)
    where stale_at is not null and suspect_at is null and removed_at is null;
drop index vm_unclaimed;

-- When a pass is next to look whether a VM is silent; null: it is known to be, and is not looked at
-- before it is heard. A heartbeat leaves this alone, so that it touches no index.
alter table vm_presence add column check_at timestamptz default now();
create index vm_presence_due on vm_presence (check_at) where check_at is not null;

create function vm_presence_changed() returns trigger language plpgsql as $$
begin
    new.check_at := now();
    return new;
end $$;
-- An agent is heard again, or stops.
create trigger vm_presence_changed before update on vm_presence
    for each row when (old.check_at is null or new.stopped <> old.stopped)
    execute function vm_presence_changed();

-- How many VMs of a pool are in each state, and in use ('in_use', a part of the claimed ones): what
-- is here and what 'vm_move' says since. Nobody who changes a VM waits for a row that counts.
create table vm_count (
    pool_id bigint not null,
    state   text not null,
    vms     bigint not null,
    primary key (pool_id, state)
);
create table vm_move (
    pool_id bigint not null,
    left_state text,
    new_state text
);
create index vm_move_by_pool on vm_move (pool_id);

insert into vm_count
select pool_id, state, count(*) from vm where removed_at is null group by pool_id, state
union all
select pool_id, 'in_use', count(*) from vm
where removed_at is null and in_use and claim_id is not null group by pool_id;

create function vm_moved() returns trigger language plpgsql as $$
declare
    was text; is_now text; was_used boolean := false; is_used boolean := false;
begin
    if tg_op <> 'INSERT' and old.removed_at is null then
        was := old.state;
        was_used := old.in_use and old.claim_id is not null;
    end if;
    if tg_op <> 'DELETE' and new.removed_at is null then
        is_now := new.state;
        is_used := new.in_use and new.claim_id is not null;
    end if;
    if was is distinct from is_now then
        insert into vm_move values (coalesce(new.pool_id, old.pool_id), was, is_now);
    end if;
    if was_used <> is_used then
        insert into vm_move values (coalesce(new.pool_id, old.pool_id),
            case when was_used then 'in_use' end, case when is_used then 'in_use' end);
    end if;
    return null;
end $$;
create trigger vm_moved after insert or delete on vm for each row execute function vm_moved();
create trigger vm_moved_on after update on vm for each row
    when (old.state <> new.state or old.in_use <> new.in_use
          or old.removed_at is distinct from new.removed_at
          or (old.claim_id is null) <> (new.claim_id is null))
    execute function vm_moved();

-- Rows of pools, VMs and claims are never deleted. Checking that they are there locks a row of each
-- for every claim and event, and all claims of a pool lock the same one.
alter table claim drop constraint claim_pool_id_fkey;
alter table event
    drop constraint event_pool_id_fkey,
    drop constraint event_vm_id_fkey,
    drop constraint event_claim_id_fkey;
