use lablink_protocol::Hostname;

use super::StaleAfter;
use crate::{
    Actor, Db, DbError,
    claims::{self, ReleaseReason},
    line,
    pools::PoolId,
};

/// Why a VM can't be taken back from its participant.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    #[error("VM not found.")]
    NoSuchVm,
    #[error("This VM is not claimed.")]
    NotClaimed,
    #[error("the release could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(ReleaseError);

/// Ends a VM's claim and puts the VM back to the pool as it is, the participant's files included.
/// Who is first in line has it from then on.
pub async fn release(
    db: &Db,
    pool: PoolId,
    stale_after: StaleAfter,
    actor: &Actor,
    hostname: &Hostname,
) -> Result<(), ReleaseError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    let vm = transaction
        .query_opt(
            "select id, claim_id is not null as claimed from vm
             where pool_id = $1 and hostname = $2 and removed_at is null for update",
            &[&pool.as_i64(), &hostname.as_str()],
        )
        .await?
        .ok_or(ReleaseError::NoSuchVm)?;
    if !vm.try_get::<_, bool>("claimed")? {
        return Err(ReleaseError::NotClaimed);
    }
    let reason = ReleaseReason::Released;
    claims::release_of_vm(&transaction, pool, vm.try_get("id")?, reason, actor).await?;
    line::serve(&transaction, pool, stale_after).await?;
    transaction.commit().await?;
    Ok(())
}
