-- What heartbeats tell beside life itself: in the row that each of them writes anyway. Older
-- allocators leave both alone.
alter table vm_presence add column vitals jsonb not null default '{}';
-- The agent said that it stops: nobody is there to serve a claim, until its next heartbeat.
alter table vm_presence add column stopped boolean not null default false;
