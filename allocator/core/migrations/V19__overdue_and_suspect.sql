-- VMs that an organiser should look at because nothing is heard of them. Who points one out says so
-- here, in the statement that writes the event: each is told once, however many allocators watch.
alter table vm
    -- Since when the machine has been starting: it was begun, or its agent went back to that. Null:
    -- it has not been begun, or has reported that it runs.
    add column starting_since timestamptz,
    -- When it was pointed out that it takes too long; null: it was not.
    add column overdue_at timestamptz,
    -- When it was pointed out that its agent is silent; null: it was not, or was heard again.
    add column suspect_at timestamptz;
