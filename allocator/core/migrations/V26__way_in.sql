-- Links that an organiser's newer one has replaced. They open nothing; their page says so. An older
-- allocator takes them for links that never were.
create table claim_link_revoked (
    token_sha256 bytea primary key,
    claim_id     bigint not null references claim,
    revoked_at   timestamptz not null default now()
);

alter table claim
    -- Since an organiser made a link: from then on links alone open the claim, neither its command
    -- nor its e-mail. Older allocators go on taking the command.
    add column links_only_since timestamptz,
    -- The command number that a lock-out took. While it is the newest, the agent is to end the
    -- desktop and to wait for the next command.
    add column lock_out_no integer,
    add column locked_out_at timestamptz;              -- its agent said that the desktop has ended
