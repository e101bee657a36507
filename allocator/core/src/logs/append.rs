use deadpool_postgres::Client;
use jiff::Timestamp;
use lablink_protocol::Hostname;
use tokio_postgres::{error::SqlState, types::ToSql};

use super::text;
use crate::{Db, DbError, pools::PoolId, vms::ReportError};

/// What a sender hands over at once: a line, or several with line feeds between them.
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub text: String,
    /// When it was written; none: now.
    pub at: Option<Timestamp>,
    /// Names the message among those of its VM: what comes again under the same name is not stored
    /// again.
    pub event_id: Option<String>,
}

/// Room that a row takes beside its text, about, in bytes: so that a flood of empty lines counts.
pub(super) const ROW_OVERHEAD: i64 = 64;

/// Appends messages to a VM's log and says how many lines that were: fewer than were given where
/// some had come before.
///
/// Looking at each line whether it came before makes an insert two to three times as slow, and
/// few come again: so the batch is stored as if all were new, and only where the index refuses
/// that, once more with such a look.
pub async fn append(
    db: &Db,
    pool: PoolId,
    hostname: &Hostname,
    messages: &[Message],
) -> Result<i64, ReportError> {
    let mut batch = Batch::default();
    for message in messages {
        batch.take(message);
    }
    let client = db.client().await?;
    let stored = match store(&client, pool, hostname, &batch, Repeated::RefusesAll).await {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            store(&client, pool, hostname, &batch, Repeated::IsSkipped).await
        }
        stored => stored,
    };
    stored.map_err(DbError::from)?.ok_or(ReportError::NoSuchVm)
}

/// What a line does that came before.
#[derive(Clone, Copy)]
enum Repeated {
    RefusesAll,
    IsSkipped,
}

/// The number of lines stored; none: there is no such VM.
async fn store(
    client: &Client,
    pool: PoolId,
    hostname: &Hostname,
    batch: &Batch<'_>,
    repeated: Repeated,
) -> Result<Option<i64>, tokio_postgres::Error> {
    // What goes in whole has been counted here: to count it there takes time for each line.
    let (on_conflict, counted) = match repeated {
        Repeated::RefusesAll => ("", "select id, $7::bigint, $8::bigint from target".to_owned()),
        Repeated::IsSkipped => (
            "on conflict (vm_id, event_id, event_row) where event_id is not null do nothing
             returning octet_length(line) as size",
            format!(
                "select id, count(size), coalesce(sum(size + {ROW_OVERHEAD}), 0)
                 from target left join stored on true group by id"
            ),
        ),
    };
    // The lock comes first, so that what the sequence gives is visible in its order: see `logs`.
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
                 insert into log_volume (vm_id, lines, bytes)
                 select vm_id, lines, bytes from counted
                 on conflict (vm_id) do update set
                     lines = log_volume.lines + excluded.lines,
                     bytes = log_volume.bytes + excluded.bytes
             )
             select lines from counted"
        ))
        .await?;
    let parameters: [&(dyn ToSql + Sync); 8] = [
        &pool.as_i64(),
        &hostname.as_str(),
        &batch.lines,
        &batch.ats,
        &batch.event_ids,
        &batch.event_rows,
        &i64::try_from(batch.lines.len()).unwrap_or(i64::MAX),
        &batch.bytes,
    ];
    let used = statement.params().len();
    let row = client.query_opt(&statement, &parameters[..used]).await?;
    row.map(|row| row.try_get("lines")).transpose()
}

/// The columns of the rows to be.
#[derive(Default)]
struct Batch<'a> {
    lines: Vec<String>,
    ats: Vec<Option<Timestamp>>,
    event_ids: Vec<Option<&'a str>>,
    event_rows: Vec<i32>,
    bytes: i64,
}

impl<'a> Batch<'a> {
    fn take(&mut self, message: &'a Message) {
        for (row, line) in (0..).zip(text::lines(&message.text)) {
            self.bytes += i64::try_from(line.len()).unwrap_or(i64::MAX) + ROW_OVERHEAD;
            self.lines.push(line);
            self.ats.push(message.at);
            self.event_ids.push(message.event_id.as_deref());
            self.event_rows.push(row);
        }
    }
}
