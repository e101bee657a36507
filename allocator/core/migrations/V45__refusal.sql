-- VMs that a cloud had no room for, when an operation tried to make them.

create table refusal (
    operation_id bigint not null references operation,
    vm_id        bigint not null references vm,
    -- Of the operation's attempts, counted from 1.
    attempt      int not null,
    -- As what and where it was to be made; null: not known.
    machine_type text,
    zone         text,
    -- 'capacity' (that type in that zone) or 'quota' (of the account).
    shortage     text not null,
    reason       text not null,
    -- As what and where it is tried next; null: as the module chooses.
    next_type    text,
    next_zone    text,
    at           timestamptz not null default now(),
    primary key (operation_id, attempt, vm_id)
);

create index refusal_by_vm on refusal (vm_id, at);
