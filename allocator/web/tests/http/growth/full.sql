-- Then every VM is taken: 60 are kept for the first in line, and 4,940 more people wait.
insert into place (id, pool_id, email, person, token_sha256, created_at, last_looked_at, offered_at,
                   origin)
overriding system value
select 30000 + n, 1, 'w' || n || '@example.org', 'w' || n || '@example.org',
       sha256(convert_to('place-' || n, 'UTF8')), now(), now() + interval '1 day',
       case when n <= 60 then now() end, sha256(convert_to('address ' || n / 3, 'UTF8'))
from generate_series(1, 5000) as n;
select setval(pg_get_serial_sequence('place', 'id'), 50000);

update vm set place_id = 30000 + number / 20
where removed_at is null and claim_id is null and number % 20 = 0 and number between 20 and 1200;
update vm set used_at = now()
where removed_at is null and claim_id is null and used_at is null and place_id is null
  and status = 'running';

delete from vm_count;
insert into vm_count
select 1, state, count(*) from vm where removed_at is null group by state;
delete from vm_move;
