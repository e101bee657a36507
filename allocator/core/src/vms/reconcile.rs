//! Brings the rows in line with what Terraform says exists.

use serde_json::json;
use std::collections::BTreeMap;

use super::{never_made, used::EARLIER_USE};
use crate::{
    Actor, DbError, Scope, db,
    events::{Change, Kind},
    ids::{ClaimId, OperationId, VmId},
    pools::Source,
    rows::{ReleaseReason, release_of_vm},
};
use jiff::Timestamp;
use lablink_protocol::Hostname;

/// A VM in Terraform's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    pub hostname: Hostname,
    pub number: u32,
}

/// Writes rows for VMs that exist but have none, as after the loss of the database. Nobody is
/// destroyed for being unknown. VMs that were removed after `asked_at`, when the state was read,
/// get no row.
pub async fn reconcile_existing(
    scope: &Scope,
    source: Source,
    existing: &[Existing],
    asked_at: Timestamp,
) -> Result<(), DbError> {
    let names: Vec<&str> = existing.iter().map(|vm| vm.hostname.as_str()).collect();
    let numbers: Vec<i32> =
        existing.iter().map(|vm| i32::try_from(vm.number).unwrap_or(i32::MAX)).collect();
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    let adopted = change
        .query(
            &format!(
                "insert into vm (pool_id, hostname, number, source, status, status_reason,
                                 used_at, last_claim_id, barred_at)
                 select $1, one.hostname, one.number, $2, 'unknown',
                        'Found in Terraform''s state without a record here.',
                        earlier.used_at, earlier.last_claim_id, earlier.barred_at
                 from unnest($3::text[], $4::int[]) as one(hostname, number)
                      left join {EARLIER_USE}
                 where not exists (
                     select from vm where vm.hostname = one.hostname
                         and (vm.removed_at is null or vm.removed_at > $5)
                 )
                 returning id"
            ),
            &[&scope.pool.as_i64(), &source.as_str(), &names, &numbers, &asked_at],
        )
        .await?;
    let ids: Vec<VmId> = adopted.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?;
    for id in &ids {
        change.event(Kind::VmAdopted).of_vm(*id).by(Actor::System);
    }
    change.commit().await?;
    Ok(())
}

/// Ends VMs that are gone: their claims end, the rows stay as history, the names are free.
pub async fn remove(scope: &Scope, vms: &[VmId]) -> Result<(), DbError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    remove_in(&mut change, vms).await?;
    change.commit().await?;
    Ok(())
}

pub(crate) async fn remove_in(change: &mut Change<'_>, vms: &[VmId]) -> Result<(), DbError> {
    let removed = change
        .query(
            "with theirs as (
                 select id from vm where id = any($1) and removed_at is null
                 order by id for no key update
             )
             update vm set removed_at = now() from theirs where vm.id = theirs.id
             returning vm.id, claim_id",
            &[&vms],
        )
        .await?;
    let mut ids: Vec<VmId> = Vec::with_capacity(removed.len());
    for vm in removed {
        let (id, claim): (VmId, Option<ClaimId>) = (vm.try_get("id")?, vm.try_get("claim_id")?);
        if claim.is_some() {
            release_of_vm(change, id, ReleaseReason::Destroyed).await?;
        }
        ids.push(id);
    }
    for id in &ids {
        change.event(Kind::VmRemoved).of_vm(*id);
    }
    change.execute("delete from enrolment where vm_id = any($1)", &[&ids]).await?;
    change.execute("delete from agent_credential where vm_id = any($1)", &[&ids]).await?;
    change.execute("delete from dead_token where vm_id = any($1)", &[&ids]).await?;
    change.execute("delete from ssh_access where vm_id = any($1)", &[&ids]).await?;
    Ok(())
}

/// The rows of the present VMs with these names.
pub async fn present(
    scope: &Scope,
    hostnames: &[Hostname],
) -> Result<BTreeMap<Hostname, VmId>, DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let sql = "select hostname, id from vm
               where pool_id = $1 and hostname = any($2) and removed_at is null";
    let rows = scope.client().await?.query(sql, &[&scope.pool.as_i64(), &names]).await?;
    rows.iter().map(|row| Ok((db::word(row, "hostname")?, row.try_get("id")?))).collect()
}

/// Drops the rows of VMs that an operation was to make for the first time, and for which nothing
/// was done.
pub async fn unplan(scope: &Scope, operation: OperationId) -> Result<(), DbError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    let planned = never_made(&*change, operation).await?;
    remove_in(&mut change, &planned).await?;
    change.commit().await?;
    Ok(())
}

/// The VMs among these whose agents report that they run.
pub async fn running_among(
    scope: &Scope,
    hostnames: &[Hostname],
) -> Result<Vec<Hostname>, DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let sql = "select hostname from vm
               where pool_id = $1 and hostname = any($2) and status = 'running'
                 and removed_at is null";
    let rows = scope.client().await?.query(sql, &[&scope.pool.as_i64(), &names]).await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}

/// Begins to replace a VM: its row becomes history, its claim ends, and a new row takes its name.
/// Returns the new row. Until the new machine is made, the old one stands under this name, with what
/// its participants left.
pub(crate) async fn begin_replacement(change: &mut Change<'_>, old: VmId) -> Result<VmId, DbError> {
    remove_in(change, &[old]).await?;
    let new =
        "insert into vm (pool_id, hostname, number, source, used_at, last_claim_id, barred_at)
               select pool_id, hostname, number, source, used_at, last_claim_id, barred_at
               from vm where id = $1
               returning id";
    let new: VmId = change.query_one(new, &[&old]).await?.try_get("id")?;
    change.event(Kind::VmReplaced).of_vm(new).by(Actor::System);
    Ok(new)
}

/// Notes VMs that were made now, some of them anew after a failure. Clears earlier errors.
pub async fn make_anew(scope: &Scope, hostnames: &[Hostname]) -> Result<(), DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    // A machine that is made anew has another SSH host key. What was heard of the machine before it
    // says nothing about this one.
    let sql = "with theirs as (
                   select id from vm
                   where pool_id = $1 and hostname = any($2) and removed_at is null
                     and status in ('error', 'unknown')
                   order by id for no key update
               ), anew as (
                   update vm set status = 'initializing', status_reason = null, ssh_host_key = null,
                          starting_since = null, overdue_at = null, suspect_at = null,
                          stale_at = null, heard_at = null, said_running_at = null,
                          notice = null, gpu = null, gpu_reason = null, in_use = false
                   from theirs where vm.id = theirs.id
                   returning vm.id
               ), forgotten as (
                   delete from vm_presence using anew where vm_id = anew.id
               )
               select id from anew";
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    for vm in change.query(sql, &[&scope.pool.as_i64(), &names]).await? {
        change.event(Kind::VmMadeAgain).of_vm(vm.try_get("id")?);
    }
    change.commit().await
}

/// A VM for which a wish failed, and why.
pub type Unmet = (VmId, String);

/// Marks VMs that should exist but don't, or not whole, as in error, each with its reason.
pub async fn fail(scope: &Scope, unmade: &[Unmet]) -> Result<(), DbError> {
    // Without its credentials, what is left of such a VM can't report itself back to life.
    let sql = "with theirs as (
                   select vm.id, unmade.reason
                   from unnest($1::bigint[], $2::text[]) as unmade(id, reason)
                   join vm on vm.id = unmade.id and vm.removed_at is null
                   order by vm.id for no key update of vm
               ), failed as (
                   update vm set status = 'error', status_reason = theirs.reason
                   from theirs where vm.id = theirs.id
                   returning vm.id, vm.status_reason as reason
               ), unenrolled as (
                   delete from enrolment using failed where vm_id = failed.id
               ), unknown as (
                   delete from agent_credential using failed where vm_id = failed.id
               )
               select id, reason from failed";
    write(scope, sql, unmade, Kind::VmFailed).await
}

/// Marks VMs that may or may not have been made, and have not reported, as in error until they
/// report.
pub async fn doubt(scope: &Scope, unknown: &[Unmet]) -> Result<(), DbError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    doubt_in(&mut change, unknown).await?;
    change.commit().await
}

pub(crate) async fn doubt_in(change: &mut Change<'_>, unknown: &[Unmet]) -> Result<(), DbError> {
    let sql = "with theirs as (
                   select vm.id, doubted.reason
                   from unnest($1::bigint[], $2::text[]) as doubted(id, reason)
                   join vm on vm.id = doubted.id and vm.removed_at is null and vm.status = 'initializing'
                   order by vm.id for no key update of vm
               )
               update vm set status = 'error', status_reason = theirs.reason
               from theirs where vm.id = theirs.id
               returning vm.id, vm.status_reason as reason";
    write_in(change, sql, unknown, Kind::VmFailed).await
}

/// Notes VMs for which an operation did nothing, with the reason. Their state stays the same.
pub async fn note_undone(scope: &Scope, undone: &[Unmet]) -> Result<(), DbError> {
    let sql = "with theirs as (
                   select vm.id, undone.reason
                   from unnest($1::bigint[], $2::text[]) as undone(id, reason)
                   join vm on vm.id = undone.id and vm.removed_at is null
                   order by vm.id for no key update of vm
               )
               update vm set status_reason = theirs.reason
               from theirs where vm.id = theirs.id
               returning vm.id, vm.status_reason as reason";
    write(scope, sql, undone, Kind::VmUnchanged).await
}

async fn write(scope: &Scope, sql: &str, unmet: &[Unmet], kind: Kind) -> Result<(), DbError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    write_in(&mut change, sql, unmet, kind).await?;
    change.commit().await
}

/// Writes failures: `sql` takes ids and reasons, and returns the ids of the VMs that it has
/// changed.
async fn write_in(
    change: &mut Change<'_>,
    sql: &str,
    unmet: &[Unmet],
    kind: Kind,
) -> Result<(), DbError> {
    let (ids, reasons): (Vec<VmId>, Vec<&str>) =
        unmet.iter().map(|(id, reason)| (*id, reason.as_str())).unzip();
    for vm in change.query(sql, &[&ids, &reasons]).await? {
        let reason: &str = vm.try_get("reason")?;
        change.event(kind).of_vm(vm.try_get("id")?).with(json!({ "reason": reason }));
    }
    Ok(())
}
