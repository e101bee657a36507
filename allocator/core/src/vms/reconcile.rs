//! Brings the rows in line with what Terraform says exists.

use std::collections::BTreeMap;

use crate::db::GenericClient;
use jiff::Timestamp;
use lablink_protocol::Hostname;

use super::{Source, never_made, used::EARLIER_USE};
use crate::{
    Actor, Db, DbError,
    claims::{self, ReleaseReason},
    db,
    events::{self, Event},
    operations::OperationId,
    pools::PoolId,
};

/// A VM in Terraform's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    pub hostname: Hostname,
    pub number: u32,
}

/// Writes rows for VMs that exist but have none, as after the loss of the database. Nobody is
/// destroyed for being unknown. What was removed since the state was asked for, at `asked_at`, is
/// no find.
pub async fn reconcile_existing(
    db: &Db,
    pool: PoolId,
    source: Source,
    existing: &[Existing],
    asked_at: Timestamp,
) -> Result<(), DbError> {
    let names: Vec<&str> = existing.iter().map(|vm| vm.hostname.as_str()).collect();
    let numbers: Vec<i32> =
        existing.iter().map(|vm| i32::try_from(vm.number).unwrap_or(i32::MAX)).collect();
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    let adopted = transaction
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
                 returning id, pg_notify('vm_changed', hostname)::text"
            ),
            &[&pool.as_i64(), &source.as_str(), &names, &numbers, &asked_at],
        )
        .await?;
    let ids: Vec<i64> = adopted.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?;
    events::record_of_vms(&transaction, pool, &Actor::System, "vm.adopted", &ids).await?;
    transaction.commit().await?;
    Ok(())
}

/// Ends VMs that are gone: their claims end, the rows stay as history, the names are free.
pub async fn remove(db: &Db, pool: PoolId, vms: &[i64], actor: &Actor) -> Result<(), DbError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    remove_in(&transaction, pool, vms, actor).await?;
    transaction.commit().await?;
    Ok(())
}

pub(crate) async fn remove_in(
    client: &impl GenericClient,
    pool: PoolId,
    vms: &[i64],
    actor: &Actor,
) -> Result<(), DbError> {
    let removed = client
        .query(
            "with theirs as (
                 select id from vm where id = any($1) and removed_at is null
                 order by id for no key update
             )
             update vm set removed_at = now() from theirs where vm.id = theirs.id
             returning vm.id, claim_id, pg_notify('vm_changed', hostname)::text",
            &[&vms],
        )
        .await?;
    let mut ids: Vec<i64> = Vec::with_capacity(removed.len());
    for vm in removed {
        let (id, claim): (i64, Option<i64>) = (vm.try_get("id")?, vm.try_get("claim_id")?);
        if claim.is_some() {
            claims::release_of_vm(client, pool, id, ReleaseReason::Destroyed, actor).await?;
        }
        ids.push(id);
    }
    events::record_of_vms(client, pool, actor, "vm.removed", &ids).await?;
    client.execute("delete from enrolment where vm_id = any($1)", &[&ids]).await?;
    client.execute("delete from agent_credential where vm_id = any($1)", &[&ids]).await?;
    client.execute("delete from dead_token where vm_id = any($1)", &[&ids]).await?;
    client.execute("delete from ssh_access where vm_id = any($1)", &[&ids]).await?;
    Ok(())
}

/// The rows of the VMs of these names that are there.
pub async fn present(
    db: &Db,
    pool: PoolId,
    hostnames: &[Hostname],
) -> Result<BTreeMap<Hostname, i64>, DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let sql = "select hostname, id from vm
               where pool_id = $1 and hostname = any($2) and removed_at is null";
    let rows = db.client().await?.query(sql, &[&pool.as_i64(), &names]).await?;
    rows.iter().map(|row| Ok((db::word(row, "hostname")?, row.try_get("id")?))).collect()
}

/// VMs that an operation was to make for the first time, and for which nothing was done, are not
/// wanted any more: they need no row.
pub async fn unplan(db: &Db, pool: PoolId, operation: OperationId) -> Result<(), DbError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    let planned = never_made(&transaction, operation).await?;
    remove_in(&transaction, pool, &planned, &Actor::System).await?;
    transaction.commit().await?;
    Ok(())
}

/// Those of these VMs whose agent says that they run.
pub async fn running_among(
    db: &Db,
    pool: PoolId,
    hostnames: &[Hostname],
) -> Result<Vec<Hostname>, DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let sql = "select hostname from vm
               where pool_id = $1 and hostname = any($2) and status = 'running'
                 and removed_at is null";
    let rows = db.client().await?.query(sql, &[&pool.as_i64(), &names]).await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}

/// A VM whose machine is replaced now: the old one becomes history, its claim ends, and a row for
/// the new one takes its name. Answers the new row. Until the new machine is made, what stands
/// under this name is the old one, with what its participants left.
pub(crate) async fn succeed(
    client: &impl GenericClient,
    pool: PoolId,
    old: i64,
) -> Result<i64, DbError> {
    remove_in(client, pool, &[old], &Actor::System).await?;
    let new =
        "insert into vm (pool_id, hostname, number, source, used_at, last_claim_id, barred_at)
               select pool_id, hostname, number, source, used_at, last_claim_id, barred_at
               from vm where id = $1
               returning id, pg_notify('vm_changed', hostname)::text";
    let new = client.query_one(new, &[&old]).await?.try_get("id")?;
    let event = Event { vm_id: Some(new), ..Event::new(&Actor::System, "vm.replaced") };
    events::record(client, pool, event).await?;
    Ok(new)
}

/// VMs that are made now, some of them anew after a failure: what was wrong with them is past.
pub async fn make_anew(db: &Db, pool: PoolId, hostnames: &[Hostname]) -> Result<(), DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    // What is made anew has another SSH host key.
    // What was heard of the machine before it says nothing about this one.
    let sql = "with theirs as (
                   select id from vm
                   where pool_id = $1 and hostname = any($2) and removed_at is null
                     and status in ('error', 'unknown')
                   order by id for no key update
               ), anew as (
                   update vm set status = 'initializing', status_reason = null, ssh_host_key = null,
                          starting_since = null, overdue_at = null, suspect_at = null
                   from theirs where vm.id = theirs.id
                   returning vm.id, pg_notify('vm_changed', hostname)::text
               )
               delete from vm_presence using anew where vm_id = anew.id";
    db.client().await?.query(sql, &[&pool.as_i64(), &names]).await?;
    Ok(())
}

/// A VM of which something did not come true, and why.
pub type Unmet = (i64, String);

/// VMs that should exist but don't, or not whole, are in error, each with its reason.
pub async fn fail(db: &Db, unmade: &[Unmet]) -> Result<(), DbError> {
    let (ids, reasons) = columns(unmade);
    // Without its credentials, what is left of such a VM can't report itself back to life.
    let sql = "with theirs as (
                   select vm.id, unmade.reason
                   from unnest($1::bigint[], $2::text[]) as unmade(id, reason)
                   join vm on vm.id = unmade.id and vm.removed_at is null
                   order by vm.id for no key update of vm
               ), failed as (
                   update vm set status = 'error', status_reason = theirs.reason
                   from theirs where vm.id = theirs.id
                   returning vm.id, pg_notify('vm_changed', hostname)::text
               ), unenrolled as (
                   delete from enrolment using failed where vm_id = failed.id
               )
               delete from agent_credential using failed where vm_id = failed.id";
    db.client().await?.query(sql, &[&ids, &reasons]).await?;
    Ok(())
}

/// VMs of which nobody knows whether they were made, and that have not reported: in error until
/// they do.
pub async fn doubt(db: &Db, unknown: &[Unmet]) -> Result<(), DbError> {
    doubt_in(&db.client().await?, unknown).await
}

pub(crate) async fn doubt_in(
    client: &impl GenericClient,
    unknown: &[Unmet],
) -> Result<(), DbError> {
    let (ids, reasons) = columns(unknown);
    let sql = "with theirs as (
                   select vm.id, doubted.reason
                   from unnest($1::bigint[], $2::text[]) as doubted(id, reason)
                   join vm on vm.id = doubted.id and vm.removed_at is null and vm.status = 'initializing'
                   order by vm.id for no key update of vm
               )
               update vm set status = 'error', status_reason = theirs.reason
               from theirs where vm.id = theirs.id
               returning pg_notify('vm_changed', hostname)::text";
    client.query(sql, &[&ids, &reasons]).await?;
    Ok(())
}

/// VMs to which what was asked for did not happen: they are what they were, and say why.
pub async fn note_undone(db: &Db, undone: &[Unmet]) -> Result<(), DbError> {
    let (ids, reasons) = columns(undone);
    let sql = "with theirs as (
                   select vm.id, undone.reason
                   from unnest($1::bigint[], $2::text[]) as undone(id, reason)
                   join vm on vm.id = undone.id and vm.removed_at is null
                   order by vm.id for no key update of vm
               )
               update vm set status_reason = theirs.reason
               from theirs where vm.id = theirs.id
               returning pg_notify('vm_changed', hostname)::text";
    db.client().await?.query(sql, &[&ids, &reasons]).await?;
    Ok(())
}

fn columns(unmet: &[Unmet]) -> (Vec<i64>, Vec<&str>) {
    unmet.iter().map(|(id, reason)| (*id, reason.as_str())).unzip()
}
