-- Tokens are 256 random bits, so a plain SHA-256 is enough; the tokens themselves are stored nowhere.

-- One use, a short life: made anew each time a VM is made.
create table enrolment (
    vm_id        bigint primary key references vm,
    token_sha256 bytea not null,
    expires_at   timestamptz not null,
    used_at      timestamptz
);

create table agent_credential (
    vm_id        bigint primary key references vm,
    token_sha256 bytea not null unique,
    created_at   timestamptz not null default now()
);
