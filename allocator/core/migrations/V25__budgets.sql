-- Log lines that were over their VM's budget: how many, and when the last came.
alter table log_volume add column dropped bigint not null default 0;
alter table log_volume add column dropped_at timestamptz;

-- A line counts as what it takes: 96 bytes of row and index (64 before), and with an event's id 32
-- more and the id twice. What an older allocator stores beside us counts as before, so that a log
-- may keep a little more than its bound until those lines are gone.
update log_volume set bytes = log_volume.bytes + 32 * log_volume.lines + coalesce((
    select sum(32 + 2 * octet_length(event_id)) from log_line
    where log_line.vm_id = log_volume.vm_id and log_line.event_id is not null), 0);
