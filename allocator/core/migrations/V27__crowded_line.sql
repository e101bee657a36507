-- Keys the digests of addresses, which are of no use in another pool or database.
alter table pool add column origin_key bytea not null
    default sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));

-- Whose address a place or a claim came from, as a digest: kept for as long as it is open, and only
-- where a limit asks for it. Older allocators write none.
alter table claim add column origin bytea;
create index claim_by_origin on claim (pool_id, origin) where origin is not null;

alter table place
    add column origin bytea,
    -- When its offer went on to the next because nobody reacted. It gets another one once somebody
    -- has looked since.
    add column passed_at timestamptz,
    -- An organiser made it, for whom a claim was ended: it is served first, and is kept until then,
    -- looked at or not.
    add column invited_until timestamptz,
    -- An organiser took it away. Its reason is 'left' as well, the nearest that older allocators know.
    add column removed_at timestamptz;
create index place_by_origin on place (pool_id, origin) where origin is not null;
