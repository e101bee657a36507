//! Turns an organiser's wish into rows: VMs to make, or VMs to remove.

use super::selection::{MADE, SelectError, Selection, select};
use crate::{
    DbError,
    db::{self, GenericClient},
    ids::{OperationId, VmId},
    pools::{Pool, Source},
};
use lablink_protocol::Hostname;

/// Why there is nothing to destroy.
#[derive(Debug, thiserror::Error)]
pub enum VmsError {
    #[error("There is no VM to destroy.")]
    NothingSelected,
    #[error(transparent)]
    Selection(SelectError),
    #[error("the VMs could not be read or written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(VmsError);

impl From<SelectError> for VmsError {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::Db(error) => Self::Db(error),
            told => Self::Selection(told),
        }
    }
}

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

/// The selected VMs, at least one. Machines registered by hand are never among them.
pub(crate) async fn made(
    client: &impl GenericClient,
    pool: &Pool,
    selection: &Selection,
) -> Result<Vec<Hostname>, VmsError> {
    let found = select(client, pool, selection, MADE).await?;
    if found.is_empty() { Err(VmsError::NothingSelected) } else { Ok(found) }
}

/// The VMs of an operation that nobody has made, and that have never been seen.
pub(crate) async fn never_made(
    client: &impl GenericClient,
    operation: OperationId,
) -> Result<Vec<VmId>, DbError> {
    let sql = "select vm.id from operation_target join vm on vm.id = vm_id
               where operation_id = $1 and removed_at is null and status = 'initializing'
                 and machine is distinct from 'made'
                 and vm.claim_id is null
                 and not exists (select from vm_presence where vm_presence.vm_id = vm.id)";
    let rows = client.query(sql, &[&operation]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The VMs among these that no operation has made.
pub(crate) async fn unmade_among(
    client: &impl GenericClient,
    vms: &[VmId],
) -> Result<Vec<VmId>, DbError> {
    let sql = "select id from vm where id = any($1) and machine is distinct from 'made'";
    client.query(sql, &[&vms]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
