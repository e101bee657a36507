-- Participants' results, collected into one archive by an operation of the kind 'collect'.
create table collection (
    operation_id bigint primary key references operation,
    file_name    text not null,                 -- as the browser is to save it
    size         bigint not null,               -- of the archive, in bytes
    kept_by      text not null,                 -- the allocator on whose disk the archive lies
    finished_at  timestamptz not null default now(),
    downloaded_at timestamptz,                 -- first; null: nobody has it yet
    removed_at   timestamptz                    -- the archive is gone from the disk; this row stays
);

-- What came of each VM. Answers when a VM's results were last collected, too.
create table collection_vm (
    operation_id bigint not null references operation,
    vm_id        bigint not null references vm,
    files        bigint not null,               -- that are in the archive
    bytes        bigint not null,
    unread       bigint not null,               -- files that were found and could not be read
    seconds      double precision not null,
    failure      text,                          -- why nothing more came; null: all of it did
    finished_at  timestamptz not null default now(),
    primary key (operation_id, vm_id)
);
create index collection_vm_by_vm on collection_vm (vm_id, finished_at desc);

-- The SSH host key that a VM showed at first contact, as known_hosts has it: type and base64.
alter table vm add column ssh_host_key text;

-- How to reach a machine that was registered by hand.
create table ssh_access (
    vm_id       bigint primary key references vm,
    address     text not null,
    port        integer not null,
    login       text not null,
    sealed_key  bytea not null,                 -- the private key, under LABLINK_SECRET_KEY
    directory   text                            -- where its results lie; null: on the desktop
);

alter table operation_vm drop constraint operation_vm_stage_check;
alter table operation_vm add constraint operation_vm_stage_check check (stage in
    ('waiting', 'creating', 'destroying', 'collecting', 'done', 'failed', 'unfinished'));
