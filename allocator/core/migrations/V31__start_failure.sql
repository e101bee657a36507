-- Why the agent of a local VM could not be started. Each heartbeat of a newer allocator ends it; an
-- older one leaves it alone, and goes by `stopped`.
alter table vm_presence add column start_failure text;
