-- From now on every text is cleaned on its way in. What came before it loses here what a terminal
-- would obey: escape sequences, single control characters, marks that turn the direction of reading.
-- The log's lines were always made safe. A running older allocator goes on as it did.
create function pg_temp.cleaned(said text) returns text language sql immutable as $$
    select regexp_replace(said,
        E'(\x1b\\[|\u009b)[ -?]*[@-~]|\x1b[\\]PX^_][^\x07\x1b\n]*(\x07|\x1b\\\\)?|\x1b[ -/]*[0-~]'
        || E'|[\x01-\x08\x0b-\x1f\x7f\u0080-\u009f\u202a-\u202e\u2066-\u2069]', '', 'g')
$$;

update operation_log set line = pg_temp.cleaned(line) where line <> pg_temp.cleaned(line);
update operation set reason = pg_temp.cleaned(reason) where reason <> pg_temp.cleaned(reason);
update operation_vm set detail = pg_temp.cleaned(detail) where detail <> pg_temp.cleaned(detail);
update claim set detail = pg_temp.cleaned(detail) where detail <> pg_temp.cleaned(detail);
update claim set machine_fault = pg_temp.cleaned(machine_fault)
    where machine_fault <> pg_temp.cleaned(machine_fault);
update claim set clean_failure = pg_temp.cleaned(clean_failure)
    where clean_failure <> pg_temp.cleaned(clean_failure);
update vm set status_reason = pg_temp.cleaned(status_reason)
    where status_reason <> pg_temp.cleaned(status_reason);
update vm set gpu_reason = pg_temp.cleaned(gpu_reason) where gpu_reason <> pg_temp.cleaned(gpu_reason);
update collection_vm set failure = pg_temp.cleaned(failure) where failure <> pg_temp.cleaned(failure);
update collection_vm set skipped_what = pg_temp.cleaned(skipped_what)
    where skipped_what <> pg_temp.cleaned(skipped_what);

drop function pg_temp.cleaned(text);
