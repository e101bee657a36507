//! Turns an organiser's wish into rows: VMs to make, or VMs to remove.

use crate::{
    DbError,
    db::{self, GenericClient},
    ids::{OperationId, VmId},
    pools::{Pool, Source},
};
use lablink_protocol::Hostname;

/// Which VMs a destroy is about.
#[derive(Clone, Debug)]
pub enum Selection {
    All,
    These(Vec<Hostname>),
}

/// Why a selection can't be acted on.
#[derive(Debug, thiserror::Error)]
pub enum VmsError {
    #[error("There is no VM to destroy.")]
    NothingSelected,
    #[error("There is no VM called {0}. Look at the list again: it may be gone already.")]
    NoSuchVm(Hostname),
    #[error("the VMs could not be read or written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(VmsError);

/// Writes rows for `count` new VMs under the lowest free numbers. The caller holds the pool's lock, so
/// two launches never take the same number.
pub(crate) async fn plan(
    client: &impl GenericClient,
    pool: &Pool,
    source: Source,
    count: u32,
) -> Result<Vec<(VmId, Hostname)>, DbError> {
    let rows = client
        .query(
            "insert into vm (pool_id, hostname, number, source)
             select $1, 'lablink-vm-' || $2 || '-' || number, number, $3
             from generate_series(1, $4 + (
                 select count(*)::int from vm where pool_id = $1 and removed_at is null
             )) as number
             where not exists (
                 select from vm where vm.removed_at is null
                     and vm.hostname = 'lablink-vm-' || $2 || '-' || number.number
             )
             order by number limit $4
             returning id, hostname",
            &[
                &pool.as_i64(),
                &pool.environment,
                &source.as_str(),
                &i32::try_from(count).unwrap_or(i32::MAX),
            ],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get("id")?, db::word(row, "hostname")?))).collect()
}

/// The selected VMs. Machines registered by hand are never among them.
pub(crate) async fn made(
    client: &impl GenericClient,
    pool: &Pool,
    selection: &Selection,
) -> Result<Vec<Hostname>, VmsError> {
    let names: Option<Vec<&str>> = match selection {
        Selection::All => None,
        Selection::These(hostnames) => Some(hostnames.iter().map(Hostname::as_str).collect()),
    };
    let rows = client
        .query(
            "select hostname from vm
             where pool_id = $1 and removed_at is null and source not in ('manual', 'unknown')
               and ($2::text[] is null or hostname = any($2))
             order by number nulls last, hostname",
            &[&pool.as_i64(), &names],
        )
        .await?;
    let found: Vec<Hostname> =
        rows.iter().map(|row| db::word(row, "hostname")).collect::<Result<_, _>>()?;
    if let Selection::These(wanted) = selection
        && let Some(missing) = wanted.iter().find(|hostname| !found.contains(hostname))
    {
        return Err(VmsError::NoSuchVm(missing.clone()));
    }
    if found.is_empty() { Err(VmsError::NothingSelected) } else { Ok(found) }
}

/// The VMs of an operation that nobody has tried to make, and that have never been seen.
pub(crate) async fn never_made(
    client: &impl GenericClient,
    operation: OperationId,
) -> Result<Vec<VmId>, DbError> {
    let sql = "select vm.id from operation_target join vm on vm.id = vm_id
               where operation_id = $1 and removed_at is null and status = 'initializing'
                 and vm.claim_id is null
                 and not exists (select from vm_presence where vm_presence.vm_id = vm.id)";
    let rows = client.query(sql, &[&operation]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
