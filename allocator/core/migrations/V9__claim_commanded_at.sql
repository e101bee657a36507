-- When the claim's newest command was given: what the hand-over to the agent is timed from. Older
-- allocators leave it at the claim's first command, which only makes their hand-overs look slow.
alter table claim add column commanded_at timestamptz not null default now();
