-- What an operation is about, as rows, from the moment it is queued. Older allocators read the
-- names in its payload and go on writing them; who takes such an operation fills in the rows.
create table operation_target (
    operation_id bigint not null references operation,
    vm_id        bigint not null references vm,
    claim_id     bigint references claim,   -- the VM's at that time; with a later one, it is left out
    successor_id bigint references vm,      -- the row of the machine that took its place
    left_out     text,                      -- why the operation leaves it alone; null: it does not
    primary key (operation_id, vm_id)
);
create index operation_target_by_vm on operation_target (vm_id, operation_id);

insert into operation_target (operation_id, vm_id, claim_id)
select operation.id, vm.id, case when operation.state in ('queued', 'running') then vm.claim_id end
from operation join vm on vm.pool_id = operation.pool_id
     and operation.payload->'hostnames' ? vm.hostname
     and vm.created_at <= operation.created_at
     and (vm.removed_at is null or vm.removed_at >= operation.created_at);

-- vm.removing_at is what open operations add up to: since when one waits that removes this machine.
-- operations/targets.rs alone writes it.

alter table vm
    -- Since when it has been a participant's and was neither made anew nor cleaned nor released for
    -- reuse; null: it can be claimed as it is. A claim that is still open is no use yet.
    add column used_at timestamptz,
    -- Who had it last.
    add column last_claim_id bigint references claim;

update vm set last_claim_id = latest.id
from (select vm_id, max(id) as id from claim where released_at is not null group by vm_id) as latest
where latest.vm_id = vm.id;

-- Machines whose replacement was asked for after their last participant, and did not take place.
update vm set used_at = claim.released_at from claim
where claim.id = vm.last_claim_id and vm.claim_id is null and vm.removed_at is null
  and exists (
      select from operation
      where operation.pool_id = vm.pool_id and operation.kind = 'replace'
        and operation.payload->'hostnames' ? vm.hostname
        and operation.created_at >= claim.released_at and operation.state <> 'succeeded'
  );
