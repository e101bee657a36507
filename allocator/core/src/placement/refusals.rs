use std::collections::BTreeMap;

use jiff::Timestamp;
use lablink_protocol::Hostname;
use tokio_postgres::Row;

use super::{Place, Shortage};
use crate::{
    Db, DbError, Scope, db,
    events::{Change, Touch},
    ids::{OperationId, VmId},
};

/// A VM that a cloud had no room for, in one attempt of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub hostname: Hostname,
    pub attempt: i32,
    /// Where it was tried, if that is known.
    pub place: Option<Place>,
    pub shortage: Shortage,
    /// In plain words.
    pub reason: String,
    /// Where it is tried next. None: where the module chooses.
    pub next: Option<Place>,
    pub at: Timestamp,
}

/// The same, to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub vm_id: VmId,
    pub place: Option<Place>,
    pub shortage: Shortage,
    pub reason: String,
    pub next: Option<Place>,
}

/// The last `most` of what an operation was refused, newest attempt first.
pub async fn refusals(db: &Db, operation: OperationId, most: i64) -> Result<Vec<Refusal>, DbError> {
    let sql = "select vm.hostname, attempt, refusal.machine_type, refusal.zone, shortage, reason,
                      next_type, next_zone, refusal.at
               from (select * from refusal where operation_id = $1
                     order by attempt desc, vm_id desc limit $2) as refusal
                    cross join lateral (select hostname from vm where id = refusal.vm_id limit 1) as vm
               order by attempt desc, vm_id desc";
    let rows = db.client().await?.query(sql, &[&operation, &most]).await?;
    rows.iter()
        .map(|row| {
            Ok(Refusal {
                hostname: db::word(row, "hostname")?,
                attempt: row.try_get("attempt")?,
                place: place(row, "machine_type", "zone")?,
                shortage: db::word(row, "shortage")?,
                reason: row.try_get("reason")?,
                next: place(row, "next_type", "next_zone")?,
                at: row.try_get("at")?,
            })
        })
        .collect()
}

/// Whether an operation was refused anything.
pub async fn is_refused(db: &Db, operation: OperationId) -> Result<bool, DbError> {
    let sql = "select exists (select from refusal where operation_id = $1)";
    db.client().await?.query_one(sql, &[&operation]).await?.try_get(0).map_err(DbError::from)
}

/// Where those of these VMs are to be made that were refused at their last try, in whatever operation.
pub async fn planned(
    scope: &Scope,
    hostnames: &[Hostname],
) -> Result<BTreeMap<Hostname, Place>, DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let sql = "select vm.hostname, last.next_type, last.next_zone
               from vm cross join lateral (
                   select next_type, next_zone from refusal where refusal.vm_id = vm.id
                   order by at desc, attempt desc limit 1) as last
               where vm.pool_id = $1 and vm.hostname = any($2) and vm.removed_at is null";
    let rows = scope.client().await?.query(sql, &[&scope.pool.as_i64(), &names]).await?;
    let mut planned = BTreeMap::new();
    for row in &rows {
        if let Some(next) = place(row, "next_type", "next_zone")? {
            planned.insert(db::word(row, "hostname")?, next);
        }
    }
    Ok(planned)
}

fn place(row: &Row, machine_type: &str, zone: &str) -> Result<Option<Place>, DbError> {
    let (machine_type, zone): (Option<_>, Option<_>) =
        (row.try_get(machine_type)?, row.try_get(zone)?);
    Ok(machine_type.zip(zone).map(|(machine_type, zone)| Place { machine_type, zone }))
}

/// Notes VMs that an attempt of an operation could not make, and that it tries again later. They wait
/// with their reasons, and without a token. Idempotent.
pub async fn put_off(
    scope: &Scope,
    operation: OperationId,
    attempt: i32,
    refused: &[Refused],
) -> Result<(), DbError> {
    let ids: Vec<VmId> = refused.iter().map(|it| it.vm_id).collect();
    let texts = |text: fn(&Refused) -> Option<&str>| refused.iter().map(text).collect::<Vec<_>>();
    let types = texts(|it| it.place.as_ref().map(|place| place.machine_type.as_str()));
    let zones = texts(|it| it.place.as_ref().map(|place| place.zone.as_str()));
    let shortages = texts(|it| Some(it.shortage.as_str()));
    let reasons = texts(|it| Some(it.reason.as_str()));
    let next_types = texts(|it| it.next.as_ref().map(|place| place.machine_type.as_str()));
    let next_zones = texts(|it| it.next.as_ref().map(|place| place.zone.as_str()));
    // Nothing is starting of them, so nothing can be late.
    let sql = "with theirs as (
                   select vm.id, refused.* from
                       unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
                              $8::text[], $9::text[])
                       as refused(vm_id, machine_type, zone, shortage, reason, next_type, next_zone)
                   join vm on vm.id = refused.vm_id and vm.removed_at is null
                   order by vm.id for no key update of vm
               ), waiting as (
                   update vm set status = 'initializing', status_reason = theirs.reason,
                       starting_since = null, overdue_at = null
                   from theirs where vm.id = theirs.id
               ), unenrolled as (
                   delete from enrolment using theirs where enrolment.vm_id = theirs.id
               ), noted as (
                   insert into refusal (operation_id, vm_id, attempt, machine_type, zone, shortage,
                       reason, next_type, next_zone)
                   select $1, vm_id, $2, machine_type, zone, shortage, reason, next_type, next_zone
                   from theirs
                   on conflict do nothing
               )
               select id from theirs";
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let waiting = change
            .query(
                sql,
                &[
                    &operation,
                    &attempt,
                    &ids,
                    &types,
                    &zones,
                    &shortages,
                    &reasons,
                    &next_types,
                    &next_zones,
                ],
            )
            .await?;
        for vm in waiting {
            change.touch(Touch::Vm(vm.try_get("id")?));
        }
        change.commit().await
    })
}
