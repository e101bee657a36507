//! Brings the rows in line with what Terraform says exists.

use deadpool_postgres::GenericClient;
use lablink_protocol::Hostname;

use super::Source;
use crate::{
    Actor, Db, DbError,
    claims::{self, ReleaseReason},
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
/// destroyed for being unknown.
pub async fn reconcile_existing(
    db: &Db,
    pool: PoolId,
    source: Source,
    existing: &[Existing],
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
                 select from vm where vm.hostname = found.hostname and vm.removed_at is null
             )
             returning id, pg_notify('vm_changed', hostname)::text",
            &[&pool.as_i64(), &source.as_str(), &names, &numbers],
        )
        .await?;
    for row in adopted {
        let event =
            Event { vm_id: Some(row.try_get("id")?), ..Event::new(&Actor::System, "vm.adopted") };
        events::record(&transaction, pool, event).await?;
    }
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
    for hostname in hostnames {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        remove_one(&transaction, pool, hostname, actor).await?;
        transaction.commit().await?;
    }
    Ok(())
}

pub(crate) async fn remove_one(
    client: &impl GenericClient,
    pool: PoolId,
    hostname: &Hostname,
    actor: &Actor,
) -> Result<(), DbError> {
    let vm = client
        .query_opt(
            "update vm set removed_at = now()
             where pool_id = $1 and hostname = $2 and removed_at is null
             returning id, pg_notify('vm_changed', hostname)::text",
            &[&pool.as_i64(), &hostname.as_str()],
        )
        .await?;
    let Some(vm) = vm else { return Ok(()) };
    let vm_id: i64 = vm.try_get("id")?;
    claims::release_of_vm(client, pool, vm_id, ReleaseReason::Destroyed, actor).await?;
    client.execute("delete from enrolment where vm_id = $1", &[&vm_id]).await?;
    client.execute("delete from agent_credential where vm_id = $1", &[&vm_id]).await?;
    let event = Event { vm_id: Some(vm_id), ..Event::new(actor, "vm.removed") };
    events::record(client, pool, event).await
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

/// After an operation that did not get everything done: VMs that should exist but don't are in
/// error, with the reason; VMs that should be gone but are not stop going, and say so.
pub async fn fail_missing(
    db: &Db,
    pool: PoolId,
    wanted: &[Hostname],
    existing: &[Existing],
    reason: &str,
) -> Result<(), DbError> {
    let wanted: Vec<&str> = wanted.iter().map(Hostname::as_str).collect();
    let existing: Vec<&str> = existing.iter().map(|vm| vm.hostname.as_str()).collect();
    db.client()
        .await?
        .query(
            "update vm set removing_at = null, status_reason = $4,
                    status = case when hostname = any($3) then status else 'error' end
             where pool_id = $1 and removed_at is null and hostname = any($2)
               and (hostname = any($3)) = (removing_at is not null)
             returning pg_notify('vm_changed', hostname)::text",
            &[&pool.as_i64(), &wanted, &existing, &reason],
        )
        .await?;
    Ok(())
}
