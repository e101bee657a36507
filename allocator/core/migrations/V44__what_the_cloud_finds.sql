-- What the cloud says of an instance whose agent is not heard, and since when; null: nothing was
-- asked since it was heard last.
alter table vm_instance
    add column finding jsonb,
    add column found_at timestamptz,
    -- When a pass is next to look whether heartbeats are missing; null: the VM is gone. Heartbeats
    -- leave this alone.
    add column ask_at timestamptz default now();
create index vm_instance_due on vm_instance (ask_at) where ask_at is not null;
