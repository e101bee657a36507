-- Browsers that once gave a secret which many share: the access code of the class, or the admin's
-- password. What others behind their address guess is not held against them. What is stored is a
-- hash of the browser's token and the secret's purpose, and tells neither.
create table admission (
    proof_sha256 bytea primary key,
    last_at timestamptz not null default now()
);

create index admission_last_at on admission (last_at);
