//! Which VMs have a machine according to their rows, to compare with a state that may have lost
//! some.

use lablink_protocol::Hostname;

use super::{Version, conflict, seen};
use crate::{
    DbError, Scope, db,
    events::{Change, Kind},
    ids::OperationId,
};

/// VMs that exist according to their rows: a launch made them, or their agents have reported. VMs
/// that an interrupted operation was making, and that never reported, are not among them, nor VMs
/// that one was removing.
pub async fn existing(scope: &Scope) -> Result<Vec<Hostname>, DbError> {
    // An operation that found a VM unmade has taken its credential away.
    let sql = "select hostname from vm
               where pool_id = $1 and removed_at is null and source in ('local', 'aws')
                 and machine is distinct from 'removing'
                 and (machine = 'made' or status = 'running'
                      or exists (select from agent_credential where vm_id = vm.id)
                      or status <> 'error'
                         and exists (select from vm_presence where vm_id = vm.id))";
    let rows = scope.client().await?.query(sql, &[&scope.pool.as_i64()]).await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}

/// The VMs among these whose machine an operation was making or removing.
pub async fn in_hand(scope: &Scope, names: &[Hostname]) -> Result<Vec<Hostname>, DbError> {
    let sql = "select hostname from vm where pool_id = $1 and removed_at is null
               and hostname = any($2) and machine in ('making', 'removing')";
    named(scope, names, sql).await
}

/// The VMs among these whose machine an operation was making on this machine, with the enrolment
/// token of this SHA-256 (hexadecimal). No true state has been seen since that operation began.
pub async fn being_made_with(
    scope: &Scope,
    tokens: &[(Hostname, String)],
) -> Result<Vec<Hostname>, DbError> {
    let (names, hashes): (Vec<&str>, Vec<&str>) =
        tokens.iter().map(|(name, hash)| (name.as_str(), hash.as_str())).unzip();
    let sql = "select vm.hostname from unnest($2::text[], $3::text[]) as made(hostname, hash)
               join vm on vm.pool_id = $1 and vm.hostname = made.hostname
                    and vm.removed_at is null and vm.source = 'local' and vm.machine = 'making'
               join enrolment on enrolment.vm_id = vm.id
                    and encode(enrolment.token_sha256, 'hex') = made.hash";
    let rows = scope.client().await?.query(sql, &[&scope.pool.as_i64(), &names, &hashes]).await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}

/// The VMs among these whose instance this operation was making, as the instance's tag says: it has not
/// been seen in a true state, or Terraform reported it as made in a run that did not end well, and
/// nothing was done to the VM since.
pub async fn being_made_by(
    scope: &Scope,
    made: &[(Hostname, OperationId)],
) -> Result<Vec<Hostname>, DbError> {
    let (names, operations): (Vec<&str>, Vec<OperationId>) =
        made.iter().map(|(name, id)| (name.as_str(), *id)).unzip();
    let sql = "select distinct vm.hostname
               from unnest($2::text[], $3::bigint[]) as made(hostname, operation_id)
               join vm on vm.pool_id = $1 and vm.hostname = made.hostname
                    and vm.removed_at is null and vm.source = 'aws'
               join operation_target as target on target.operation_id = made.operation_id
                    and vm.id in (target.vm_id, target.successor_id)
               where vm.machine = 'making' or vm.machine = 'made'
                 and exists (select from operation_vm as step
                             join operation on operation.id = step.operation_id
                             where step.operation_id = made.operation_id
                               and step.hostname = vm.hostname and step.stage = 'done'
                               and operation.state <> 'succeeded')
                 and not exists (select from operation_target as later
                                 join operation_vm as step using (operation_id)
                                 where later.vm_id = vm.id
                                   and later.operation_id > made.operation_id
                                   and step.hostname = vm.hostname
                                   and step.started_at is not null)";
    let rows =
        scope.client().await?.query(sql, &[&scope.pool.as_i64(), &names, &operations]).await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}

/// Notes that this instance, which Terraform's state did not know, was taken into it.
pub async fn adopted(scope: &Scope, hostname: &Hostname, instance: &str) -> Result<(), DbError> {
    found(scope, hostname, instance, Kind::VmInstanceAdopted).await
}

/// Notes that this instance runs under the VM's name, and that Terraform's state knows another one.
pub async fn doubled(scope: &Scope, hostname: &Hostname, instance: &str) -> Result<(), DbError> {
    found(scope, hostname, instance, Kind::VmDoubled).await
}

async fn found(
    scope: &Scope,
    hostname: &Hostname,
    instance: &str,
    kind: Kind,
) -> Result<(), DbError> {
    let sql = "select id from vm where pool_id = $1 and hostname = $2 and removed_at is null";
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    let vm = change.query_opt(sql, &[&scope.pool.as_i64(), &hostname.as_str()]).await?;
    // One without a row gets it with the operation that found it.
    if let Some(vm) = vm {
        let data = serde_json::json!({ "instance": instance });
        change.event(kind).of_vm(vm.try_get("id")?).with(data);
    }
    change.commit().await
}

/// The names among these whose VM was removed, and that no VM has now.
pub async fn removed_among(scope: &Scope, names: &[Hostname]) -> Result<Vec<Hostname>, DbError> {
    let sql = "select hostname from vm where pool_id = $1 and hostname = any($2)
               group by hostname having bool_and(removed_at is not null)";
    named(scope, names, sql).await
}

async fn named(scope: &Scope, names: &[Hostname], sql: &str) -> Result<Vec<Hostname>, DbError> {
    let names: Vec<&str> = names.iter().map(Hostname::as_str).collect();
    let rows = scope.client().await?.query(sql, &[&scope.pool.as_i64(), &names]).await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}

/// Notes that a true state was seen: the machines in it are made, and an earlier conflict is
/// solved. The caller must hold the lane, since others could look while a machine is being removed.
pub async fn take_true(
    scope: &Scope,
    version: Option<&Version>,
    held: &[Hostname],
) -> Result<(), DbError> {
    let held: Vec<&str> = held.iter().map(Hostname::as_str).collect();
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    let made = "with theirs as (
                    select id from vm where pool_id = $1 and removed_at is null
                      and hostname = any($2) and machine is distinct from 'made'
                    order by id for no key update
                )
                update vm set machine = 'made' from theirs where vm.id = theirs.id
                returning vm.id";
    for vm in change.query(made, &[&scope.pool.as_i64(), &held]).await? {
        change.event(Kind::VmMade).of_vm(vm.try_get("id")?);
    }
    if let Some(version) = version {
        seen::remember(&*change, &scope.pool, version).await?;
    }
    conflict::solve(&mut change).await?;
    change.commit().await?;
    Ok(())
}

/// Notes that an operation is about to make machines for these VMs, some of them anew, and to
/// remove those of others. Reports of an earlier machine say nothing about the new one.
pub async fn take_in_hand(
    scope: &Scope,
    operation: OperationId,
    making: &[Hostname],
    removing: &[Hostname],
) -> Result<(), DbError> {
    let making: Vec<&str> = making.iter().map(Hostname::as_str).collect();
    let removing: Vec<&str> = removing.iter().map(Hostname::as_str).collect();
    let sql = "with theirs as (
                   select id, hostname = any($2) as is_making, machine as before from vm
                   where pool_id = $1 and removed_at is null and hostname = any($2 || $3)
                   order by id for no key update
               ), making as (
                   update vm set machine = 'making', stale_at = null, suspect_at = null,
                          heard_at = null, said_running_at = null,
                          notice = null, gpu = null, gpu_reason = null, in_use = false,
                          status_reason = null,
                          status = case when status = 'running' then 'initializing' else status end
                   from theirs where vm.id = theirs.id and is_making returning vm.id
               ), removing as (
                   update vm set machine = 'removing'
                   from theirs where vm.id = theirs.id and not is_making
               ), silenced as (
                   delete from agent_credential using making where vm_id = making.id
               ), forgotten as (
                   delete from dead_token using making where vm_id = making.id
               ), unheard as (
                   delete from vm_presence using making where vm_id = making.id
               ), untimed as (
                   delete from vm_startup using making where vm_id = making.id
               )
               select id, is_making from theirs
               where before is distinct from case when is_making then 'making' else 'removing' end";
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    for vm in change.query(sql, &[&scope.pool.as_i64(), &making, &removing]).await? {
        let kind = if vm.try_get("is_making")? { Kind::VmMaking } else { Kind::VmRemoving };
        change.event(kind).of_vm(vm.try_get("id")?).of_operation(operation);
    }
    change.commit().await
}

/// Notes that Terraform has reported these machines as made, whatever the state says.
pub async fn made_by(scope: &Scope, operation: OperationId) -> Result<(), DbError> {
    let sql = "with theirs as (
                   select vm.id from vm join operation_vm as step using (hostname)
                   where step.operation_id = $2 and step.stage = 'done'
                     and vm.pool_id = $1 and vm.removed_at is null and vm.machine = 'making'
                   order by vm.id for no key update of vm
               )
               update vm set machine = 'made' from theirs where vm.id = theirs.id
               returning vm.id";
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    for vm in change.query(sql, &[&scope.pool.as_i64(), &operation]).await? {
        change.event(Kind::VmMade).of_vm(vm.try_get("id")?).of_operation(operation);
    }
    change.commit().await
}
