-- A VM's token changes hands with the VM: who copied it while they had the VM must not learn what
-- the next participant is given. Older allocators know none of this; while one runs beside a newer
-- one, claims that it ends leave the token as it was.
alter table agent_credential
    -- The token that the agent has fetched in place of its own, and not used yet.
    add column next_sha256 bytea unique,
    -- When the VM's agent first waited or sent a heartbeat with a token. From then on nobody speaks
    -- for the VM without one. Null: only the program that starts a machine has shown it, if anybody.
    add column agent_at timestamptz;

-- Tokens that a newer one has replaced: whoever shows one has kept it.
create table dead_token (
    token_sha256 bytea primary key,
    vm_id        bigint not null references vm,
    died_at      timestamptz not null
);
create index dead_token_by_vm on dead_token (vm_id, died_at);

alter table vm
    -- Since when its agent is to take a new token, because a claim has ended; null: it has one that
    -- no participant could have seen.
    add column token_due_at timestamptz,
    -- Since when nobody can claim it, because a dead token was shown; an open claim goes on.
    add column barred_at timestamptz;
