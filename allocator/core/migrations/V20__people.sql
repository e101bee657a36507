-- The key by which people are compared, however they spell their address. Null: an older allocator
-- wrote the row, and compares 'email'; person_keys.rs fills it in at the next start.
alter table claim
    add column person text,
    -- The open claim that has this person's key: both were made before that was known.
    add column same_person_as bigint references claim;
create unique index claim_open_person on claim (pool_id, person) where released_at is null;
create index claim_same_person on claim (pool_id)
    where same_person_as is not null and released_at is null;

alter table place add column person text;
create unique index place_open_person on place (pool_id, person) where ended_at is null;

-- Whose fault a failed start is. Older allocators write none of this: to them it is the command's.
alter table claim
    add column fault text check (fault in ('machine', 'command')),   -- of the newest command
    -- The machine that could not run the desktop for this claim, and why, as its row says it.
    add column faulty_vm_id bigint references vm,
    add column machine_fault text,
    add column moved_command_no integer,  -- the command with which it got another machine, once
    add column moving_since timestamptz;  -- waits for another machine
create index claim_moving on claim (pool_id, moving_since)
    where moving_since is not null and released_at is null;
