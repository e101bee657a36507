-- A pool as it may be after a large course: every table that grows has far more rows than a page.
-- VM n is called lablink-vm-test-n, its claim has the number n, and their tokens are agent-n and
-- claim-n. What VM n is follows from n % 20: see `Kind` in calls.rs.

insert into pool (environment) values ('test');

-- 20,000 VMs that LabLink made and 900 registered machines that are there; 7,000 that are gone.
insert into vm (pool_id, hostname, number, source, status, gpu, in_use, machine, created_at, used_at,
                removing_at, barred_at, token_due_at, starting_since, claim_id, last_claim_id,
                status_reason, ssh_host_key)
select 1, 'lablink-vm-test-' || n, n, case n % 20 when 5 then 'aws' else 'local' end,
       case when n % 200 = 14 then 'initializing' when n % 20 = 16 then 'error' else 'running' end,
       case when n % 200 = 14 then null when n % 20 = 17 then 'unhealthy' when n % 20 = 7 then 'degraded' else 'healthy' end,
       n % 20 in (8, 9), 'made', now() - interval '20 days' + n * interval '1 minute',
       case when n % 20 in (15, 18, 19) then now() - interval '1 day' end,
       case when n % 20 = 19 then now() - interval '1 hour' end,
       case when n % 200 = 15 then now() - interval '1 hour' end,
       case when n % 20 = 18 then now() - interval '1 hour' end,
       case when n % 200 = 14 then now() end,
       case when n % 20 between 8 and 13 then n end,
       case when n % 20 in (15, 18, 19) then 100000 + n end,
       case when n % 20 = 16 then 'It was not made.' end, 'ssh-ed25519 AAAA'
from generate_series(1, 20000) as n;

insert into vm (pool_id, hostname, source, status, gpu, created_at, used_at, last_claim_id)
select 1, 'desk-' || n, 'manual', 'running', 'healthy', now() - interval '20 days',
       case when n % 2 = 0 then now() - interval '1 day' end,
       case when n % 2 = 0 then 200000 + n end
from generate_series(1, 900) as n;

insert into vm (pool_id, hostname, number, source, status, created_at, removed_at)
select 1, 'lablink-vm-test-' || n, n, 'local', 'running', now() - interval '60 days',
       now() - interval '40 days' + n * interval '10 minutes'
from generate_series(1, 5000) as n;
insert into vm (pool_id, hostname, source, status, created_at, removed_at)
select 1, 'desk-' || n, 'manual', 'running', now() - interval '60 days', now() - interval '40 days'
from generate_series(1, 2000) as n;

-- The triggers that keep counts do not run here.
insert into vm_count
select 1, state, count(*) from vm where removed_at is null group by state
union all
select 1, 'in_use', count(*) from vm where removed_at is null and in_use and claim_id is not null;

insert into vm_presence (vm_id, last_seen, check_at, vitals)
select id, now() + interval '1 day', now() + interval '1 day', '{"token": "safe", "locks_out": true}'
from vm where removed_at is null and status = 'running';

insert into vm_instance (vm_id, instance_id, machine_type, zone, private_address, ask_at)
select id, 'i-' || id, 'g4dn.xlarge', 'us-west-2a', '10.0.0.7',
       case when removed_at is null and id % 500 = 5 then now()
            when removed_at is null then now() + interval '1 day' end
from vm where source = 'aws' or removed_at is not null;

insert into agent_credential (vm_id, token_sha256, first_used_at, agent_at)
select id, sha256(convert_to('agent-' || id, 'UTF8')), now(), now()
from vm where removed_at is null;
insert into enrolment (vm_id, token_sha256, expires_at)
select id, sha256(convert_to('enrol-' || id, 'UTF8')), now() + interval '1 hour'
from vm where removed_at is null;
insert into dead_token
select sha256(convert_to('dead-' || n, 'UTF8')), n, now() - n * interval '1 minute'
from generate_series(1, 5000) as n;
insert into ssh_access (vm_id, address, port, login, sealed_key, directory)
select id, 'desk', 22, 'ada', '\x00', '/results' from vm where source = 'manual';
insert into vm_startup (vm_id, provisioning_started_at, provisioning_ended_at, provisioning_seconds,
                        cloud_init_seconds, container_seconds, total_seconds)
select id, created_at, created_at + interval '60 seconds', 60, 60, 60, 180 from vm;

-- 6,000 open claims, 50,000 that are over, 900 of registered machines, some not cleaned since.
insert into claim (id, pool_id, vm_id, email, person, crd_code, pin, state, created_at,
                   reentries, reentry_at)
overriding system value
select n, 1, n, 'p' || n || '@example.org', 'p' || n || '@example.org', '4/' || n, '123456',
       case n % 20 when 10 then 'waiting' when 11 then 'failed' else 'connected' end,
       now() - interval '6 hours' + n * interval '1 second', (n % 20 = 9)::int,
       case when n % 20 = 9 then now() - n * interval '1 second' end
from generate_series(1, 20000) as n where n % 20 between 8 and 13;
insert into claim (id, pool_id, vm_id, email, person, state, created_at, released_at, release_reason,
                   clean_failure)
overriding system value
select n, 1, (n - 100001) % 20000 + 1, 'e' || n || '@example.org', 'e' || n || '@example.org',
       'connected', now() - (150000 - n) * interval '1 minute' - interval '1 hour',
       now() - (150000 - n) * interval '1 minute', 'returned', null
from generate_series(100001, 150000) as n
union all
select 200000 + n, 1, 20000 + n, 'd' || n || '@example.org', 'd' || n || '@example.org', 'connected',
       now() - interval '2 days', now() - interval '1 day', 'released',
       case when n % 4 = 0 then 'The disk is full.' end
from generate_series(1, 900) as n;
select setval(pg_get_serial_sequence('claim', 'id'), 300000);
insert into claim_link (token_sha256, claim_id)
select sha256(convert_to('claim-' || id, 'UTF8')), id from claim;
insert into claim_link_revoked (token_sha256, claim_id)
select sha256(convert_to('revoked-' || id, 'UTF8')), id from claim where id % 7 = 0;

insert into place (pool_id, email, person, token_sha256, created_at, last_looked_at, ended_at,
                   end_reason)
select 1, 'l' || n || '@example.org', 'l' || n || '@example.org',
       sha256(convert_to('over-' || n, 'UTF8')), now() - interval '3 days', now() - interval '2 days',
       now() - interval '2 days', 'left'
from generate_series(1, 20000) as n;

-- Operations 1 to 3,000 are over, 3,001 to 3,200 await approval, 3,201 to 3,400 are queued, and one
-- runs. Each is about one VM, every fiftieth about 100.
insert into operation (pool_id, kind, payload, state, actor, created_at, started_at, finished_at,
                       title, removes, lane, attempt, attempts, progress_done, progress_total,
                       lease_owner, lease_expires_at, deadline)
select 1, kind.word,
       jsonb_build_object('hostnames', jsonb_build_array('lablink-vm-test-' || n * 5), 'extension', 'slp'),
       state.word, 'admin:teacher', now() - (3401 - n) * interval '10 minutes',
       case when n <= 3000 or n = 3401 then now() - (3401 - n) * interval '10 minutes' end,
       case when n <= 3000 then now() - (3400 - n) * interval '10 minutes' end,
       'Something with 1 VM', kind.word in ('destroy', 'replace'), 'machines',
       (n <= 3000)::int, (n <= 3000)::int, 1, 1,
       case when n = 3401 then 'another' end,
       case when n = 3401 then now() + interval '1 day' end,
       case when n = 3401 then now() + interval '1 day' end
from generate_series(1, 3401) as n
cross join lateral (select case
    when n > 3000 or n % 5 = 1 or n % 50 = 0 then 'collect' when n % 5 = 2 then 'destroy'
    when n % 5 = 3 then 'replace' else 'launch' end as word) as kind
cross join lateral (select case
    when n = 3401 then 'running' when n > 3200 then 'queued' when n > 3000 then 'awaiting_approval'
    when n % 10 in (4, 9) then 'failed' else 'succeeded' end as word) as state;
insert into operation_count
select 1, kind, state, count(*) from operation group by kind, state;
insert into operation_target (operation_id, vm_id)
select n, case when n % 10 = 9 and n <= 3000 then n % 1000 * 20 - 4 else (n * 5 - 1) % 20000 + 1 end
from generate_series(1, 3401) as n
union
select n, (n * 5 + more - 1) % 20000 + 1
from generate_series(50, 3000, 50) as n, generate_series(1, 99) as more;
insert into operation_vm (operation_id, hostname, stage, started_at, finished_at)
select target.operation_id, vm.hostname, 'done', operation.started_at, operation.finished_at
from operation_target as target join vm on vm.id = target.vm_id
     join operation on operation.id = target.operation_id where operation.id <= 3000;
insert into refusal (operation_id, vm_id, attempt, machine_type, zone, shortage, reason, at)
select operation_id, vm_id, attempt, 'g4dn.xlarge', 'us-west-2a', 'capacity', 'No room.', now()
from operation_target, generate_series(1, 2) as attempt where operation_id <= 3000;
insert into operation_log (operation_id, at, level, line)
select n, now(), 'info', 'Line ' || line || ' of its log.'
from generate_series(1, 3000) as n, generate_series(1, 20) as line
union all
select 3000, now(), 'info', 'Line ' || line || ' of a long log.' from generate_series(21, 5000) as line;
insert into state_conflict (operation_id, pool_id, fault, hostnames, solved_at)
select id, 1, 'incomplete', array['lablink-vm-test-' || id * 5],
       case when id % 10 = 4 and id < 2000 then now() end
from operation where id <= 3000;

insert into collection (operation_id, file_name, size, kept_by, finished_at, removed_at)
select id, 'results.zip', 10, 'alloc-1', finished_at,
       case when id < 2900 then finished_at + interval '1 day' end
from operation where id <= 3000;
insert into collection_vm (operation_id, vm_id, files, bytes, unread, seconds, finished_at)
select target.operation_id, vm_id, 2, 10, 0, 1, operation.finished_at
from operation_target as target join operation on operation.id = operation_id
where kind = 'collect' and state = 'succeeded'
union
select n, (n * 37 + more) % 20000 + 1, 2, 10, 0, 1, now() - (3400 - n) * interval '10 minutes'
from generate_series(1, 3000, 5) as n, generate_series(1, 99) as more;
insert into collection_download (operation_id, actor, taken)
select id, 'admin:ada', '{[0,5)}' from operation where id <= 3000;

insert into begun (pool_id, key_sha256, wish_sha256, outcome, at)
select 1, sha256(convert_to('key-' || n, 'UTF8')), sha256('wish'), '1', now() - n * interval '1 minute'
from generate_series(1, 10000) as n;
insert into admission (proof_sha256, last_at)
select sha256(convert_to('browser-' || n, 'UTF8')), now() - n * interval '4 minutes'
from generate_series(1, 10000) as n;

-- 100,000 events over 40 days.
insert into event (pool_id, at, actor, kind, vm_id, claim_id, data)
select 1, now() - (100000 - n) * interval '34 seconds',
       case when n % 8 < 5 then 'agent:lablink-vm-test-' || vm else 'admin:teacher' end,
       case n % 8 when 0 then 'vm.status_changed' when 1 then 'vm.gpu_changed'
            when 2 then 'vm.use_started' when 3 then 'vm.use_ended' when 4 then 'claim.connected'
            when 5 then 'claim.created' when 6 then 'claim.released' else 'vm.registered' end,
       vm, case when n % 8 in (4, 5, 6) then 100001 + n % 50000 end,
       case n % 8 when 0 then '{"from": "initializing", "to": "running"}'::jsonb
            when 1 then '{"from": "healthy", "to": "unhealthy"}' else '{}' end
from generate_series(1, 100000) as n cross join lateral (select n * 7 % 20000 + 1 as vm) as its;
insert into usage_sample
select 1, date_bin('15 minutes', now(), 'epoch') - n * interval '15 minutes', n, n, n, 0, 0
from generate_series(1, 600) as n;

insert into log_line (vm_id, at, line, event_id)
select n, now() - interval '1 hour', 'A line of a program.', 'e' || n || '-' || line
from generate_series(1, 2000) as n, generate_series(1, 20) as line
union all
select 1, now() - interval '1 hour', 'A line of a long log.', 'long-' || line
from generate_series(1, 20000) as line;
insert into log_volume (vm_id, lines, bytes)
select vm_id, count(*), sum(octet_length(line) + 128 + 2 * octet_length(event_id))
from log_line group by vm_id;
