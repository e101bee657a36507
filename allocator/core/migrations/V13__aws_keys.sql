-- AWS keys that an organiser typed: one set per pool, sealed with a key that only the allocators
-- have.
create table aws_keys (
    pool_id bigint primary key references pool,
    sealed bytea not null,
    set_by text not null,
    set_at timestamptz not null default now()
);
