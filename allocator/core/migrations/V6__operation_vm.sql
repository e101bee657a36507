-- How far an operation has come with each VM that it touches, and how long that took. Old code
-- writes none of it.
create table operation_vm (
    operation_id bigint not null references operation,
    hostname     text not null,
    stage        text not null check (stage in
                 ('waiting', 'creating', 'destroying', 'done', 'failed', 'unfinished')),
    started_at   timestamptz,
    finished_at  timestamptz,
    detail       text,
    primary key (operation_id, hostname)
);
