-- What VMs wrote, a row per line, appended and never changed. No foreign key: its check would lock
-- the VM's row for every batch, and a claim passes over locked rows. VMs' rows are never deleted.
--
-- The two indexes are all that keeps reading and writing as quick with many lines as with none:
-- don't add one for searching.
create table log_line (
    id        bigint generated always as identity,
    vm_id     bigint not null,
    at        timestamptz not null,       -- as the sender says, else when it came; never ahead of that
    line      text not null,
    -- Names the message among its VM's, where the sender does. Only ever compared for equality, so
    -- by bytes: that is the quickest.
    event_id  text collate "C",
    event_row integer not null default 0, -- a message of several lines: which one, from 0
    primary key (vm_id, id)
);
create unique index log_line_event on log_line (vm_id, event_id, event_row) where event_id is not null;

-- How much is stored of each VM, so that nobody has to count. Changed with every batch, hence the
-- room on each page.
create table log_volume (
    vm_id bigint primary key,
    lines bigint not null,
    bytes bigint not null
) with (fillfactor = 50);
