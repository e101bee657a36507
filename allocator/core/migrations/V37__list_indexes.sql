-- Lists are read page by page along an index: what a page costs does not grow with the pool.

-- VMs by name: in the order of bytes, in which the beginning of a name is a range, whatever the
-- database's locale.
create index vm_by_name on vm (pool_id, (hostname collate "C")) where removed_at is null;
-- The newest first. By the negative: an order by id alone would be taken from the primary key, and
-- walk through all VMs that are gone.
create index vm_by_age on vm (pool_id, (-id)) where removed_at is null;
-- Machines without a number come after all others in most lists.
create index vm_without_number on vm (pool_id, id) where removed_at is null and number is null;

-- Who has a VM, by the key of their address, which an older allocator does not write.
create index claim_by_person on claim (pool_id, (coalesce(person, email) collate "C"))
    where released_at is null;
-- Who has a VM, the newest first.
create index claim_open on claim (pool_id, id) where released_at is null;
