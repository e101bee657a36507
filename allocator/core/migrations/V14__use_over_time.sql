-- How many VMs were in use over the last hours is walked back along these.
create index event_use on event (pool_id, at) where kind in ('vm.use_started', 'vm.use_ended');

-- Pulling the container's image is the longest part of many starts: a stage of its own to look at,
-- within what the total counts as the container's or cloud-init's.
alter table vm_startup
    add column image_pull_started_at timestamptz,
    add column image_pull_ended_at timestamptz,
    add column image_pull_seconds double precision;
