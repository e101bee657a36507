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
const STEP: i64 = 5_000;
/// A pause between steps leaves the disk to the others.
const BREATH: Duration = Duration::from_millis(50);

/// Drops old and surplus lines, and returns how many. Logs of removed VMs are included.
pub async fn sweep(db: &Db, retention: Retention) -> Result<u64, DbError> {
    let vms = db.client().await?.query("select vm_id from log_volume where lines > 0", &[]).await?;
    let mut dropped = 0;
    for vm in vms {
        let vm_id = vm.try_get("vm_id")?;
        loop {
            let lines = drop_oldest(db, vm_id, retention).await?;
            dropped += lines.unsigned_abs();
            if lines < STEP {
                break;
            }
            tokio::time::sleep(BREATH).await;
        }
    }
    Ok(dropped)
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
                 delete from log_line using ranked
                 where log_line.vm_id = $1 and log_line.id = ranked.id
                   and (ranked.at < now() - make_interval(secs => $3::float8)
                        or ranked.before < (select bytes from log_volume where vm_id = $1) - $4::bigint)
                 returning ranked.size
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
