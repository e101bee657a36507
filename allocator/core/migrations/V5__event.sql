-- What happened, written in the transaction that made it happen: history, audit and live pages
-- all read it by id.
create table event (
    id           bigint generated always as identity primary key,
    pool_id      bigint not null references pool,
    at           timestamptz not null default now(),
    actor        text not null,
    kind         text not null,
    vm_id        bigint references vm,
    claim_id     bigint references claim,
    operation_id bigint references operation,
    data         jsonb not null default '{}'
);
create index event_by_pool on event (pool_id, id desc);
create index event_by_vm on event (vm_id, id desc) where vm_id is not null;
