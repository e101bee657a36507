use std::time::Duration;

use crate::{Db, DbError, ids::VmId};

/// How much history is kept. Events of open claims stay in any case.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Older events are dropped. None: age does not matter.
    pub age: Option<Duration>,
    /// The most events of each VM: its oldest are dropped. None: their number does not matter.
    pub per_vm: Option<i64>,
}

/// Events looked at in one step: few enough that a step takes some tens of milliseconds.
const STEP: i64 = 5_000;
/// A pause between steps leaves the disk to the others.
const BREATH: Duration = Duration::from_millis(50);

/// A condition on an event: its claim, if it has one, is over.
const IS_OVER: &str = "not exists (select from claim
    where claim.id = event.claim_id and claim.released_at is null)";

/// Drops old and surplus events, and returns how many.
pub async fn sweep(db: &Db, retention: Retention) -> Result<u64, DbError> {
    let mut dropped = 0;
    if let Some(age) = retention.age {
        dropped += drop_old(db, age).await?;
    }
    if let Some(most) = retention.per_vm {
        dropped += drop_surplus(db, most).await?;
    }
    Ok(dropped)
}

/// Drops events from the oldest on, until one is young enough.
async fn drop_old(db: &Db, age: Duration) -> Result<u64, DbError> {
    let sql = format!(
        "with oldest as (
             select id, at from event where id > $1 order by id limit $2
         ), gone as (
             delete from event
             where id = any(array(
                 select id from oldest where at < now() - make_interval(secs => $3::float8)))
               and {IS_OVER}
             returning event.id
         )
         select (select max(id) from oldest) as last, (select count(*) from gone) as gone,
                (select bool_or(at >= now() - make_interval(secs => $3::float8)) from oldest) as young"
    );
    let (mut last, mut dropped) = (0_i64, 0);
    loop {
        let row = db.client().await?.query_one(&sql, &[&last, &STEP, &age.as_secs_f64()]).await?;
        dropped += row.try_get::<_, i64>("gone")?.unsigned_abs();
        match (row.try_get("last")?, row.try_get::<_, Option<bool>>("young")?) {
            (Some(read), Some(false)) => last = read,
            _ => return Ok(dropped),
        }
        tokio::time::sleep(BREATH).await;
    }
}

/// VMs whose events are counted in one step.
const VMS: i64 = 500;

/// Drops the oldest events of VMs that have too many. Only VMs that are there, or were lately, are
/// checked.
async fn drop_surplus(db: &Db, most: i64) -> Result<u64, DbError> {
    // An event beyond the bound, if there is one, by VM: what a step reads is bounded by both.
    let vms = "select vm.id, case when removed_at is null or removed_at > now() - interval '2 days'
                   then (select event.id from event where event.vm_id = vm.id
                         order by event.id desc offset $1 limit 1) end as before
               from (select id, removed_at from vm where id > $2 order by id limit $3) as vm
               order by vm.id";
    let sql = format!(
        "delete from event where id in (
             select id from event where vm_id = $1 and id <= $2 and {IS_OVER} order by id limit $3)"
    );
    let (mut dropped, mut last) = (0, VmId::from(0));
    loop {
        let vms = db.client().await?.query(vms, &[&most, &last, &VMS]).await?;
        for vm in &vms {
            last = vm.try_get("id")?;
            let Some(before) = vm.try_get::<_, Option<i64>>("before")? else { continue };
            loop {
                let gone = db.client().await?.execute(&sql, &[&last, &before, &STEP]).await?;
                dropped += gone;
                if gone < STEP.unsigned_abs() {
                    break;
                }
                tokio::time::sleep(BREATH).await;
            }
        }
        if vms.is_empty() {
            return Ok(dropped);
        }
    }
}
