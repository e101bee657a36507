-- What is known of Terraform's state beside the state itself: so that one that was emptied, rolled
-- back or put in another's place is told from a true one. Older allocators write none of it.

-- The last state that was taken for true. It only grows older by an organiser's word.
create table terraform_state (
    pool_id bigint primary key references pool,
    lineage text not null,
    serial  bigint not null,
    seen_at timestamptz not null default now()
);

-- A state that was not taken for true, by the operation that met it.
create table state_conflict (
    operation_id bigint primary key references operation,
    pool_id      bigint not null references pool,
    fault        text not null check (fault in
                 ('empty', 'unreadable', 'other_history', 'older', 'incomplete')),
    hostnames    text[] not null,     -- of VMs that exist by all that is known, and that it lacks
    found_at     timestamptz not null default now(),
    solved_at    timestamptz          -- when a later look found nothing wrong
);
create index state_conflict_open on state_conflict (pool_id) where solved_at is null;

-- What is known of a VM's machine: 'making' and 'removing' while it is in an operation's hands,
-- which may end at any moment; 'made' once a true state had it. Null: nothing was begun, or an
-- older allocator did it.
alter table vm add column machine text check (machine in ('making', 'made', 'removing'));

update vm set machine = 'made'
where removed_at is null and source in ('local', 'aws') and status <> 'error'
  and (status = 'running'
       or exists (select from agent_credential where vm_id = vm.id)
       or exists (select from vm_presence where vm_id = vm.id)
       or exists (
           select from operation_vm as step join operation on operation.id = step.operation_id
           where operation.pool_id = vm.pool_id and operation.kind in ('launch', 'replace')
             and step.hostname = vm.hostname and step.stage = 'done'
             and step.finished_at >= vm.created_at));
