use lablink_protocol::Hostname;

use super::{Version, seen};
use crate::{Actor, DbError, Scope, ids::VmId, operations::OperationId, vms};

/// Lets go of VMs that the state has lost, in the name of who asked for it: their rows end, open
/// claims are told. From now on `state` is the one that counts; none: there is none yet.
pub async fn give_up(
    scope: &Scope,
    operation: OperationId,
    hostnames: &[Hostname],
    state: Option<&Version>,
) -> Result<(), DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let mut client = scope.db.client().await?;
    let transaction = client.transaction().await?;
    let sql = "insert into event (pool_id, actor, kind, vm_id, operation_id)
               select $1, operation.actor, 'vm.given_up', vm.id, operation.id
               from operation, vm
               where operation.id = $2 and vm.pool_id = $1 and vm.hostname = any($3)
                 and vm.removed_at is null and vm.source in ('local', 'aws')
               returning vm_id";
    let given_up = transaction.query(sql, &[&scope.pool.as_i64(), &operation, &names]).await?;
    let given_up: Vec<VmId> =
        given_up.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    vms::remove_in(&transaction, &scope.pool, &given_up, &Actor::System).await?;
    seen::replace(&transaction, &scope.pool, state).await?;
    transaction.commit().await?;
    Ok(())
}
