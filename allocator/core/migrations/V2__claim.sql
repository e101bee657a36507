-- One participant holding one VM. Released claims are history: without their secrets.
create table claim (
    id             bigint generated always as identity primary key,
    pool_id        bigint not null references pool,
    vm_id          bigint not null references vm,
    email          text not null,
    crd_code       text,
    command_no     integer not null default 1,         -- grows with each new command
    pin            text,
    state          text not null default 'waiting'
                   check (state in ('waiting', 'connecting', 'connected', 'failed')),
    detail         text,                               -- what the agent said of its last attempt
    created_at     timestamptz not null default now(),
    released_at    timestamptz,
    release_reason text check (release_reason in ('returned', 'released', 'destroyed')),
    check ((released_at is null) = (release_reason is null)),
    check ((released_at is null) = (crd_code is not null)),
    check ((released_at is null) = (pin is not null))
);

create unique index claim_open_email on claim (pool_id, email) where released_at is null;
create unique index claim_open_vm on claim (vm_id) where released_at is null;
create index claim_by_vm on claim (vm_id);

-- The VM names its claim as well: taking a VM must change the row that was locked, so that
-- somebody who waited for the lock sees that it is gone.
alter table vm add column claim_id bigint references claim;
create index vm_unclaimed on vm (pool_id, number) where claim_id is null and removed_at is null;

-- Who knows one of these tokens may see the claim and give it a new command.
create table claim_link (
    token_sha256 bytea primary key,
    claim_id     bigint not null references claim,
    created_at   timestamptz not null default now()
);
create index claim_link_by_claim on claim_link (claim_id);
