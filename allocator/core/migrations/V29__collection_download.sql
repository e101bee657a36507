-- How much of an archive each person has got, until that is all of it: then collection.downloaded_at
-- is set and the row goes. Up to now downloaded_at told when somebody began; older allocators still
-- write it then.
create table collection_download (
    operation_id bigint not null references collection,
    actor        text not null,
    taken        int8multirange not null,       -- of the archive's bytes, counted from 0
    primary key (operation_id, actor)
);
