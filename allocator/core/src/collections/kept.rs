use lablink_protocol::{Hostname, KeptCollected};

use crate::{DbError, Scope, of_name::of_name};

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
            &format!(
                "select ssh_access.directory, (
                 select max(its.id) from {named} cross join lateral (
                     select id, cleaned_at from claim where claim.vm_id = named.id
                     order by id desc limit 200
                 ) as its
                 where its.cleaned_at < (
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
                named = of_name("$2")
            ),
            &[&scope.pool.as_i64(), &hostname.as_str()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(claim_id) = row.try_get("claim_id")? else { return Ok(None) };
    Ok(Some(KeptCollected { claim_id, directory: row.try_get("directory")? }))
}
