-- A person who waits for a VM. The line is the order of ids; places that ended are history.
create table place (
    id             bigint generated always as identity primary key,
    pool_id        bigint not null references pool,
    email          text not null,
    token_sha256   bytea not null unique,
    created_at     timestamptz not null default now(),
    last_looked_at timestamptz not null default now(),
    offered_at     timestamptz,                        -- since when a VM is kept for it
    ended_at       timestamptz,
    end_reason     text check (end_reason in ('claimed', 'left', 'lapsed')),
    check ((ended_at is null) = (end_reason is null))
);

create unique index place_open_email on place (pool_id, email) where ended_at is null;
create index place_open on place (pool_id, id) where ended_at is null;

-- Whom a free VM is kept for. As with claims, the VM's row says it: who waited for that row's lock
-- sees that it is gone. Older allocators don't look at it and may hand a kept VM to somebody else;
-- its place then gets the next one.
alter table vm add column place_id bigint references place;
create unique index vm_kept_for on vm (place_id) where place_id is not null;
