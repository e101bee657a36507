use lablink_protocol::Hostname;
use tokio_postgres::{error::SqlState, types::ToSql};

use super::batch::{Batch, SIZE, count};
use crate::{DbError, Scope, db::Client, pools::Pool, vms::ReportError};

/// Appends a batch to a VM's log and returns how many lines were new: fewer than given if some had
/// come before. Lines that the batch has dropped are counted separately.
///
/// Checking each line for a repetition makes an insert two to three times as slow, and repetitions
/// are rare. So the batch is stored as if all lines were new. Only if the index refuses that, it is
/// stored again with the check.
pub async fn append(
    scope: &Scope,
    hostname: &Hostname,
    batch: &Batch<'_>,
) -> Result<i64, ReportError> {
    let client = scope.client().await?.keeping_colours();
    let stored = match store(&client, &scope.pool, hostname, batch, Repeated::RefusesAll).await {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            store(&client, &scope.pool, hostname, batch, Repeated::IsSkipped).await
        }
        stored => stored,
    };
    stored.map_err(DbError::from)?.ok_or(ReportError::NoSuchVm)
}

/// What to do about repeated lines.
#[derive(Clone, Copy)]
enum Repeated {
    RefusesAll,
    IsSkipped,
}

/// The number of lines stored; none: there is no such VM.
async fn store(
    client: &Client,
    pool: &Pool,
    hostname: &Hostname,
    batch: &Batch<'_>,
    repeated: Repeated,
) -> Result<Option<i64>, tokio_postgres::Error> {
    // A whole batch is counted here, since counting in SQL takes time for each line.
    let (on_conflict, counted) = match repeated {
        Repeated::RefusesAll => ("", "select id, $8::bigint, $9::bigint from target".to_owned()),
        Repeated::IsSkipped => (
            "on conflict (vm_id, event_id, event_row) where event_id is not null do nothing
             returning line, event_id",
            format!(
                "select id, count(line), coalesce(sum({SIZE}), 0)
                 from target left join stored on true group by id"
            ),
        ),
    };
    // The lock comes first, so that ids become visible in their order: see `logs`.
    let statement = client
        .prepare_cached(&format!(
            "with target as materialized (
                 select id, pg_advisory_xact_lock('log_line'::regclass::oid::int, id::int) from vm
                 where pool_id = $1 and hostname = $2 and removed_at is null
             ), stored as (
                 insert into log_line (vm_id, at, line, event_id, event_row)
                 select target.id, least(given.at, now()), given.line, given.event_id, given.event_row
                 from target, unnest($3::text[], $4::timestamptz[], $5::text[], $6::int[])
                     with ordinality as given(line, at, event_id, event_row, nr)
                 order by given.nr
                 {on_conflict}
             ), counted (vm_id, lines, bytes) as (
                 {counted}
             ), volume as (
                 insert into log_volume (vm_id, lines, bytes, dropped, dropped_at)
                 select vm_id, lines, bytes, $7::bigint, case when $7 > 0 then now() end from counted
                 on conflict (vm_id) do update set
                     lines = log_volume.lines + excluded.lines,
                     bytes = log_volume.bytes + excluded.bytes,
                     dropped = log_volume.dropped + excluded.dropped,
                     dropped_at = coalesce(excluded.dropped_at, log_volume.dropped_at)
             )
             select lines from counted"
        ))
        .await?;
    let parameters: [&(dyn ToSql + Sync); 9] = [
        &pool.as_i64(),
        &hostname.as_str(),
        &batch.lines,
        &batch.ats,
        &batch.sender_ids,
        &batch.message_rows,
        &batch.dropped,
        &count(batch.lines.len()),
        &batch.sizes.iter().sum::<i64>(),
    ];
    let used = statement.params().len();
    let row = client.query_opt(&statement, &parameters[..used]).await?;
    row.map(|row| row.try_get("lines")).transpose()
}
