-- A channel that somebody has asked for and that the VM's agent has not dialled yet. The row is the
-- way from the agent to the allocator that has the browser; it is deleted by being taken.
create table channel (
    id         text primary key,
    vm_id      bigint not null,
    target     text not null,
    holder     text not null,        -- host and port where other allocators reach that allocator
    secret     text not null,        -- what they present there, once
    expires_at timestamptz not null,
    told_at    timestamptz           -- when the agent was last told of it
);
create index channel_by_vm on channel (vm_id);

-- Whether the VM's agent can show a desktop in a browser's tab.
alter table vm add column offers_desktop boolean not null default false;
create index vm_free_desktop on vm (pool_id, (gpu is not distinct from 'degraded'), number, id)
    where state = 'free' and removed_at is null and offers_desktop;
