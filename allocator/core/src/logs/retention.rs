use std::time::Duration;

use super::batch::SIZE;
use crate::{Db, DbError, ids::VmId};

/// How much of each VM's log is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Older lines are dropped. None: age does not matter.
    pub age: Option<Duration>,
    /// The most bytes: the oldest lines are dropped until the rest fits. None: size does not
    /// matter.
    pub bytes_per_vm: Option<i64>,
}

/// Lines deleted in one step: few enough that a step takes some tens of milliseconds.
const STEP: i64 = 2_500;
/// A pause between steps leaves the disk to the others.
const BREATH: Duration = Duration::from_millis(50);

/// VMs whose log is looked at in one step.
const VMS: i64 = 500;

/// Drops old and surplus lines, and returns how many. Logs of removed VMs are included.
pub async fn sweep(db: &Db, retention: Retention) -> Result<u64, DbError> {
    let (mut dropped, mut last) = (0, VmId::from(0));
    loop {
        let logs = look(db, retention, last).await?;
        for log in logs.iter().filter(|log| log.has_too_much) {
            loop {
                let lines = drop_oldest(db, log.vm_id, retention).await?;
                dropped += lines.unsigned_abs();
                if lines < STEP {
                    break;
                }
                tokio::time::sleep(BREATH).await;
            }
        }
        match logs.last() {
            Some(log) => last = log.vm_id,
            None => return Ok(dropped),
        }
    }
}

struct Log {
    vm_id: VmId,
    /// It has too many bytes, or its first line is too old.
    has_too_much: bool,
}

/// The next logs after that of the VM `last`.
async fn look(
    db: &Db,
    Retention { age, bytes_per_vm }: Retention,
    last: VmId,
) -> Result<Vec<Log>, DbError> {
    let sql = "select vm_id, coalesce(bytes > $3, false) or coalesce((
                   select at from log_line where log_line.vm_id = log_volume.vm_id
                   order by id limit 1) < now() - make_interval(secs => $4::float8), false) as much
               from log_volume where vm_id > $1 order by vm_id limit $2";
    let client = db.client().await?;
    let statement = client.prepare_cached(sql).await?;
    let age = age.map(|age| age.as_secs_f64());
    let rows = client.query(&statement, &[&last, &VMS, &bytes_per_vm, &age]).await?;
    rows.iter()
        .map(|row| Ok(Log { vm_id: row.try_get("vm_id")?, has_too_much: row.try_get("much")? }))
        .collect()
}

/// One step: drops lines among the oldest that are too old or too many.
async fn drop_oldest(
    db: &Db,
    vm_id: VmId,
    Retention { age, bytes_per_vm }: Retention,
) -> Result<i64, DbError> {
    let age = age.map(|age| age.as_secs_f64());
    let client = db.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "with oldest as (
                 select id, at, {SIZE} as size from log_line
                 where vm_id = $1 order by id limit $2 for update skip locked
             ), ranked as (
                 select id, at, size, sum(size) over (order by id) - size as before from oldest
             ), gone as (
                 delete from log_line
                 where vm_id = $1 and id = any(array(
                     select id from ranked
                     where at < now() - make_interval(secs => $3::float8)
                        or before < (select bytes from log_volume where vm_id = $1) - $4::bigint))
                 returning {SIZE} as size
             ), counted as (
                 insert into log_volume (vm_id, lines, bytes)
                 select $1, -count(size), -coalesce(sum(size), 0) from gone
                 on conflict (vm_id) do update set
                     lines = log_volume.lines + excluded.lines,
                     bytes = log_volume.bytes + excluded.bytes
             )
             select count(*) as lines from gone"
        ))
        .await?;
    let row = client.query_one(&statement, &[&vm_id, &STEP, &age, &bytes_per_vm]).await?;
    Ok(row.try_get("lines")?)
}
