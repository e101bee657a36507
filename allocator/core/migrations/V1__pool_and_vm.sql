-- A pool is the set of VMs that one environment hands out. Every VM and operation belongs to one.
create table pool (
    id          bigint generated always as identity primary key,
    environment text not null unique,
    created_at  timestamptz not null default now()
);

-- Desired machines are rows. A removed VM stays as history; its name is free again.
create table vm (
    id            bigint generated always as identity primary key,
    pool_id       bigint not null references pool,
    hostname      text not null,
    number        integer check (number > 0),          -- null for machines registered by hand
    source        text not null check (source in ('local', 'aws', 'manual', 'unknown')),
    status        text not null default 'initializing'
                  check (status in ('initializing', 'running', 'unknown', 'error')),
    status_reason text,
    gpu           text check (gpu in ('healthy', 'degraded', 'unhealthy', 'none')),
    gpu_reason    text,
    in_use        boolean not null default false,
    removing_at   timestamptz,                         -- a destroy has been asked for
    removed_at    timestamptz,
    created_at    timestamptz not null default now()
);

create unique index vm_hostname_present on vm (hostname) where removed_at is null;
create unique index vm_number_present on vm (pool_id, number) where removed_at is null;

-- Heartbeats are the busiest write. They have a table of their own so that they never lock a row
-- that a claim wants, and room on each page so that an update touches no index.
create table vm_presence (
    vm_id     bigint primary key references vm,
    last_seen timestamptz not null
) with (fillfactor = 50);
