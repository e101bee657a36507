-- What a request with a key began: the same request again is told the same, and begins nothing.
-- Written in the transaction that begins it, dropped after a week.
create table begun (
    pool_id bigint not null references pool,
    -- Of who asked and the key, which is random; and of the key and all that was asked.
    key_sha256 bytea not null,
    wish_sha256 bytea not null,
    -- What came of it, without secrets: those follow from the key.
    outcome jsonb,
    at timestamptz not null default now(),
    primary key (pool_id, key_sha256)
);
create index begun_at on begun (at);
