-- What a VM's cloud has announced for it, as its agent or the cloud said it (protocol's CloudNotice);
-- null: nothing. A machine that is taken back is not handed out.
alter table vm add column notice jsonb;

-- The expression of a generated column can't be changed: the column is made anew, with what hangs on it.
drop trigger vm_moved_on on vm;
alter table vm drop column state;
alter table vm add column state text not null generated always as (case
    when removing_at is not null then 'removing'
    when barred_at is not null then 'barred'
    when notice->>'kind' = 'taken_back' then 'ending'
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

create index vm_free on vm (pool_id, (gpu is not distinct from 'degraded'), number, id)
    where state = 'free' and removed_at is null;
create index vm_by_state on vm (pool_id, state, number, id) where removed_at is null;
create trigger vm_moved_on after update on vm for each row
    when (old.state <> new.state or old.in_use <> new.in_use
          or old.removed_at is distinct from new.removed_at
          or (old.claim_id is null) <> (new.claim_id is null))
    execute function vm_moved();
