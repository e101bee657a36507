use lablink_protocol::{Hostname, KeptCollected};

use crate::{DbError, Scope};

/// The newest claim whose kept files a registered machine may delete. They were in the folder of
/// its results after it was cleaned, and a later collection got everything. Such a collection
/// counts while its archive is there, or once somebody has downloaded it.
pub async fn kept_collected(
    scope: &Scope,
    hostname: &Hostname,
) -> Result<Option<KeptCollected>, DbError> {
    let row = scope
        .db
        .client()
        .await?
        .query_opt(
            "select ssh_access.directory, (
                 select max(claim.id) from claim join vm as then_vm on then_vm.id = claim.vm_id
                 where then_vm.hostname = vm.hostname and then_vm.pool_id = vm.pool_id
                   and claim.cleaned_at < (
                       select max(operation.started_at)
                       from collection_vm
                       join operation on operation.id = collection_vm.operation_id
                       left join collection using (operation_id)
                       where collection_vm.vm_id = vm.id and failure is null and unread = 0
                         and (collection.removed_at is null or downloaded_at is not null)
                   )
             ) as claim_id
             from vm join ssh_access on ssh_access.vm_id = vm.id
             where vm.pool_id = $1 and vm.hostname = $2 and vm.removed_at is null
               and ssh_access.directory is not null",
            &[&scope.pool.as_i64(), &hostname.as_str()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(claim_id) = row.try_get("claim_id")? else { return Ok(None) };
    Ok(Some(KeptCollected { claim_id, directory: row.try_get("directory")? }))
}
