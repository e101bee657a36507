//! Brings the rows in line with what Terraform says exists.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use lablink_protocol::Hostname;
use tokio_postgres::types::ToSql;

use super::Source;
use crate::{
    Actor, Db, DbError,
    claims::{self, ReleaseReason},
    db,
    events::{self, Event},
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
            "insert into vm (pool_id, hostname, number, source, status, status_reason)
             select $1, found.hostname, found.number, $2, 'unknown',
                    'Found in Terraform''s state without a record here.'
             from unnest($3::text[], $4::int[]) as found(hostname, number)
             where not exists (
                 select from vm where vm.hostname = found.hostname
                     and (vm.removed_at is null or vm.removed_at > $5)
             )
             returning id, pg_notify('vm_changed', hostname)::text",
            &[&pool.as_i64(), &source.as_str(), &names, &numbers, &asked_at],
        )
        .await?;
    let ids: Vec<i64> = adopted.iter().map(|row| row.try_get("id")).collect::<Result<_, _>>()?;
    events::record_of_vms(&transaction, pool, &Actor::System, "vm.adopted", &ids).await?;
    transaction.commit().await?;
    Ok(())
}

/// Ends VMs that are gone: their claims end, the rows stay as history, the names are free.
pub async fn remove(
    db: &Db,
    pool: PoolId,
    hostnames: &[Hostname],
    actor: &Actor,
) -> Result<(), DbError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    remove_in(&transaction, pool, hostnames, actor).await?;
    transaction.commit().await?;
    Ok(())
}

pub(crate) async fn remove_in(
    client: &impl GenericClient,
    pool: PoolId,
    hostnames: &[Hostname],
    actor: &Actor,
) -> Result<(), DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let removed = client
        .query(
            "update vm set removed_at = now()
             where pool_id = $1 and hostname = any($2) and removed_at is null
             returning id, claim_id, pg_notify('vm_changed', hostname)::text",
            &[&pool.as_i64(), &names],
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
    client.execute("delete from ssh_access where vm_id = any($1)", &[&ids]).await?;
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
                 and removed_at is null and removing_at is null";
    let rows = db.client().await?.query(sql, &[&pool.as_i64(), &names]).await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}

/// A destroy that was taken back before it began: its VMs can be claimed again.
pub(crate) async fn keep(
    client: &impl GenericClient,
    pool: PoolId,
    hostnames: &[Hostname],
) -> Result<(), DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let sql = "update vm set removing_at = null
               where pool_id = $1 and hostname = any($2) and removed_at is null
               returning pg_notify('vm_changed', hostname)::text";
    client.query(sql, &[&pool.as_i64(), &names]).await?;
    Ok(())
}

/// VMs that were to go stay after all.
pub async fn stay(db: &Db, pool: PoolId, hostnames: &[Hostname]) -> Result<(), DbError> {
    keep(&db.client().await?, pool, hostnames).await
}

/// Those of them that are not in error.
pub(crate) async fn not_failed(
    client: &impl GenericClient,
    pool: PoolId,
    hostnames: &[Hostname],
) -> Result<Vec<Hostname>, DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let sql = "select hostname from vm where pool_id = $1 and hostname = any($2)
               and removed_at is null and status <> 'error'";
    let rows = client.query(sql, &[&pool.as_i64(), &names]).await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}

/// VMs whose machine is replaced now: the old one becomes history, its claim ends, and a row for
/// the new one takes its name. Again, it changes nothing.
pub async fn succeed(db: &Db, pool: PoolId, hostnames: &[Hostname]) -> Result<(), DbError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    for hostname in hostnames {
        let old = "select number, source from vm where pool_id = $1 and hostname = $2
                   and removed_at is null and removing_at is not null for update";
        let key: [&(dyn ToSql + Sync); 2] = [&pool.as_i64(), &hostname.as_str()];
        let Some(old) = transaction.query_opt(old, &key).await? else { continue };
        let (number, source): (Option<i32>, String) =
            (old.try_get("number")?, old.try_get("source")?);
        remove_in(&transaction, pool, std::slice::from_ref(hostname), &Actor::System).await?;
        let new = "insert into vm (pool_id, hostname, number, source) values ($1, $2, $3, $4)
                   returning id, pg_notify('vm_changed', hostname)::text";
        let new = transaction
            .query_one(new, &[&pool.as_i64(), &hostname.as_str(), &number, &source])
            .await?;
        let event =
            Event { vm_id: Some(new.try_get("id")?), ..Event::new(&Actor::System, "vm.replaced") };
        events::record(&transaction, pool, event).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// VMs that were to be replaced and were not: a machine that nothing was done to stays in use, of
/// any other nobody can say what is left.
pub async fn fail_unreplaced(
    db: &Db,
    pool: PoolId,
    unreplaced: &[(Hostname, String)],
) -> Result<(), DbError> {
    let (names, reasons) = columns(unreplaced);
    let sql = "update vm set removing_at = null, status_reason = unreplaced.reason,
                      status = case when removing_at is null then 'error' else status end
               from unnest($2::text[], $3::text[]) as unreplaced(name, reason)
               where pool_id = $1 and removed_at is null and hostname = unreplaced.name
               returning pg_notify('vm_changed', hostname)::text";
    db.client().await?.query(sql, &[&pool.as_i64(), &names, &reasons]).await?;
    Ok(())
}

/// VMs that are made now, some of them anew after a failure: what was wrong with them is past.
pub async fn make_anew(db: &Db, pool: PoolId, hostnames: &[Hostname]) -> Result<(), DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    // What is made anew has another SSH host key.
    // What was heard of the machine before it says nothing about this one.
    let sql = "with anew as (
                   update vm set status = 'initializing', status_reason = null, ssh_host_key = null,
                          starting_since = null, overdue_at = null, suspect_at = null
                   where pool_id = $1 and hostname = any($2) and removed_at is null
                     and status in ('error', 'unknown')
                   returning id, pg_notify('vm_changed', hostname)::text
               )
               delete from vm_presence using anew where vm_id = anew.id";
    db.client().await?.query(sql, &[&pool.as_i64(), &names]).await?;
    Ok(())
}

/// VMs that should exist but don't, or not whole, are in error, each with its reason.
pub async fn fail_unmade(
    db: &Db,
    pool: PoolId,
    unmade: &[(Hostname, String)],
) -> Result<(), DbError> {
    let (names, reasons) = columns(unmade);
    // Without its credentials, what is left of such a VM can't report itself back to life.
    let sql = "with failed as (
                   update vm set status = 'error', status_reason = unmade.reason
                   from unnest($2::text[], $3::text[]) as unmade(name, reason)
                   where pool_id = $1 and removed_at is null and hostname = unmade.name
                   returning id, pg_notify('vm_changed', hostname)::text
               ), unenrolled as (
                   delete from enrolment using failed where vm_id = failed.id
               )
               delete from agent_credential using failed where vm_id = failed.id";
    db.client().await?.query(sql, &[&pool.as_i64(), &names, &reasons]).await?;
    Ok(())
}

/// VMs that should be gone but are not stop going, and say why.
pub async fn fail_unremoved(
    db: &Db,
    pool: PoolId,
    unremoved: &[(Hostname, String)],
) -> Result<(), DbError> {
    let (names, reasons) = columns(unremoved);
    let sql = "update vm set removing_at = null, status_reason = unremoved.reason
               from unnest($2::text[], $3::text[]) as unremoved(name, reason)
               where pool_id = $1 and removed_at is null and hostname = unremoved.name
               returning pg_notify('vm_changed', hostname)::text";
    db.client().await?.query(sql, &[&pool.as_i64(), &names, &reasons]).await?;
    Ok(())
}

fn columns(named: &[(Hostname, String)]) -> (Vec<&str>, Vec<&str>) {
    named.iter().map(|(name, reason)| (name.as_str(), reason.as_str())).unzip()
}
