-- Operations of any kind: each row says what the engine has to know of it. An allocator of the
-- version before goes on beside this one: what it writes is completed, and what it can't carry out it
-- does not get (the two triggers below, which go once no such allocator is left).
alter table operation
    add column title              text,
    add column lane               text not null default 'machines',   -- one runs in each, see the index
    add column removes            boolean,           -- the machines of its VMs: nobody can claim them
    add column after_id           bigint references operation,  -- must succeed before this begins
    add column not_before         timestamptz,
    add column parent_id          bigint references operation,  -- it is a part of that one
    add column attempts           integer not null default 0,   -- how often it was begun
    add column max_attempts       integer not null default 1,
    add column time_limit_seconds integer not null default 86400,  -- sets the deadline when it begins
    add column decided_by         text,              -- who approved or rejected it
    add column decided_at         timestamptz;

create function operation_title(kind text, payload jsonb) returns text language sql immutable as $$
    select case kind
               when 'launch'     then 'Launch ' || vms.text
               when 'destroy'    then 'Destroy ' || vms.text
               when 'replace'    then 'Replace ' || vms.text
               when 'collect'    then 'Collect the results of ' || vms.text
               when 'bring_back' then 'Bring ' || vms.text || ' back into Terraform’s state'
               when 'give_up'    then 'Give up ' || vms.text
               else kind || ': ' || vms.text
           end
    from coalesce(jsonb_array_length(payload->'hostnames'), 0) as count,
         lateral (select case count when 1 then '1 VM' else count || ' VMs' end as text) as vms
$$;

update operation
set title = operation_title(kind, payload),
    removes = kind in ('destroy', 'replace', 'give_up'),
    after_id = (select id from operation as earlier
                where earlier.id = (operation.payload->>'after')::bigint);

create function operation_of_older_allocator() returns trigger language plpgsql as $$
begin
    new.title := operation_title(new.kind, new.payload);
    new.removes := new.kind in ('destroy', 'replace', 'give_up');
    new.after_id := (new.payload->>'after')::bigint;
    return new;
end $$;
create trigger operation_of_older_allocator before insert on operation
    for each row when (new.title is null) execute function operation_of_older_allocator();

alter table operation alter column title set not null, alter column removes set not null;

-- An older allocator counts no attempts. It takes any row; an update that gives it nothing leaves
-- the row to us.
create function operation_not_for_older_allocator() returns trigger language plpgsql as $$
begin
    return null;
end $$;
create trigger operation_not_for_older_allocator before update of state on operation
    for each row when (
        new.state = 'running' and new.attempt > old.attempt and new.attempts = old.attempts
        and (new.lane <> 'machines' or new.not_before > now() or new.max_attempts > 1
             or new.after_id is not null and not new.payload ? 'after'
             or new.kind not in ('launch', 'destroy', 'replace', 'collect', 'bring_back', 'give_up'))
    ) execute function operation_not_for_older_allocator();

alter table operation drop constraint operation_state_check;
alter table operation add constraint operation_state_check check (state in
    ('awaiting_approval', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted'));

-- One at a time in each lane. It keeps its name: an older allocator knows it, and takes a second
-- operation of a pool for nothing to do.
drop index operation_running;
create unique index operation_running on operation (pool_id, lane) where state = 'running';
create index operation_by_parent on operation (parent_id) where parent_id is not null;
