-- One durable job. `kind` and `payload` are open: later kinds need no new table.
create table operation (
    id                  bigint generated always as identity primary key,
    pool_id             bigint not null references pool,
    kind                text not null,
    payload             jsonb not null,
    state               text not null default 'queued'
                        check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted')),
    actor               text not null,
    created_at          timestamptz not null default now(),
    started_at          timestamptz,
    finished_at         timestamptz,
    cancel_requested_at timestamptz,
    attempt             integer not null default 0,    -- also the fence: a writer with an old one is refused
    lease_owner         text,
    lease_expires_at    timestamptz,
    deadline            timestamptz,
    progress_done       integer not null default 0,
    progress_total      integer not null default 0,
    exit_code           integer,
    reason              text,
    check ((state = 'running') = (lease_expires_at is not null))
);

-- One at a time: the schema says so, whatever the processes believe.
create unique index operation_running on operation (pool_id) where state = 'running';
create index operation_queued on operation (pool_id, id) where state = 'queued';
create index operation_by_pool on operation (pool_id, id desc);

create table operation_log (
    id           bigint generated always as identity primary key,
    operation_id bigint not null references operation,
    at           timestamptz not null default now(),
    level        text not null check (level in ('info', 'warn', 'error')),
    line         text not null
);
create index operation_log_by_operation on operation_log (operation_id, id);
