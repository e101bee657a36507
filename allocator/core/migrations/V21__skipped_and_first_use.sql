-- What a collection left out of a VM though it may be results: how much, and what, in words.
alter table collection_vm
    add column skipped bigint not null default 0,
    add column skipped_what text;

-- When an agent first used its token. Until then its enrolment may be tried again. Those that are
-- there count as used. Older allocators never write it, and let an enrolment be tried once.
alter table agent_credential add column first_used_at timestamptz;
update agent_credential set first_used_at = created_at;
