use lablink_protocol::Hostname;

use super::{Version, seen};
use crate::{
    Actor, DbError, Scope, db,
    events::{Change, Kind},
    ids::{OperationId, VmId},
    vms,
};

/// Lets go of VMs that the state has lost, in the name of the person who asked for it. Their rows
/// and open claims end, with events. From now on `state` counts. None: there is no state yet.
pub async fn give_up(
    scope: &Scope,
    operation: OperationId,
    hostnames: &[Hostname],
    state: Option<&Version>,
) -> Result<(), DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    let sql = "select operation.actor, vm.id from operation, vm
               where operation.id = $2 and vm.pool_id = $1 and vm.hostname = any($3)
                 and vm.removed_at is null and vm.source in ('local', 'aws')
               order by vm.id for no key update of vm";
    let mut given_up: Vec<VmId> = Vec::new();
    for vm in change.query(sql, &[&scope.pool.as_i64(), &operation, &names]).await? {
        let (actor, vm): (Actor, VmId) = (db::word(&vm, "actor")?, vm.try_get("id")?);
        change.event(Kind::VmGivenUp).by(actor).of_vm(vm).of_operation(operation);
        given_up.push(vm);
    }
    vms::remove_in(&mut change, &given_up).await?;
    seen::replace(&*change, &scope.pool, state).await?;
    change.commit().await?;
    Ok(())
}
