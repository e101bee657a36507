//! What operations are about, as rows. The targets of open operations say which VMs are spoken for.
//! A VM's row holds the sum (`vm.removing_at`), to keep claims quick. Only [`recount`] writes it.

use crate::{
    Db, DbError,
    db::{self, GenericClient},
    events::{Change, Kind},
    ids::{OperationId, VmId},
};
use lablink_protocol::Hostname;

/// A VM that an operation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub hostname: Hostname,
    /// The VM's row; once its machine is replaced, the row of the one that takes its place.
    pub vm_id: VmId,
    pub standing: Standing,
}

/// What an operation does with one of its VMs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It works on this VM.
    Included,
    /// The row is that of the new machine, which replaces the one it was asked for.
    Replaced,
    /// There is no such VM any more.
    Gone,
    /// It leaves the VM alone, for this reason.
    LeftOut(String),
}

/// The VMs that an operation is about, by number.
pub async fn targets(db: &Db, id: OperationId) -> Result<Vec<Target>, DbError> {
    targets_in(&db.client().await?, id).await
}

pub(super) async fn targets_in(
    client: &impl GenericClient,
    id: OperationId,
) -> Result<Vec<Target>, DbError> {
    let rows = client
        .query(
            "select vm.id, vm.hostname, target.left_out, vm.removed_at is not null as gone,
                    target.successor_id is not null as replaced
             from operation_target as target
             join vm on vm.id = coalesce(target.successor_id, target.vm_id)
             where target.operation_id = $1 order by vm.number nulls last, vm.hostname, vm.id",
            &[&id],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let standing = match row.try_get("left_out")? {
                Some(why) => Standing::LeftOut(why),
                None if row.try_get("gone")? => Standing::Gone,
                None if row.try_get("replaced")? => Standing::Replaced,
                None => Standing::Included,
            };
            Ok(Target { hostname: db::word(row, "hostname")?, vm_id: row.try_get("id")?, standing })
        })
        .collect()
}

/// Writes the targets of a new operation, with their current claims. The caller holds the pool's
/// lock.
pub(super) async fn write(
    change: &mut Change<'_>,
    id: OperationId,
    hostnames: &[Hostname],
) -> Result<(), DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let sql = "insert into operation_target (operation_id, vm_id, claim_id)
               select $1, id, claim_id from vm
               where pool_id = $2 and hostname = any($3) and removed_at is null";
    change.execute(sql, &[&id, &change.pool().as_i64(), &names]).await?;
    recount(change, id).await
}

/// Older allocators name an operation's VMs only in its payload. They did not know of claims that
/// began later.
async fn write_if_missing(client: &impl GenericClient, id: OperationId) -> Result<(), DbError> {
    let sql = "insert into operation_target (operation_id, vm_id, claim_id)
               select operation.id, vm.id, claim.id
               from operation
               join vm on vm.hostname = any(array(
                        select jsonb_array_elements_text(coalesce(payload->'hostnames', '[]'))
                        from operation where id = $1
                          and not exists (select from operation_target where operation_id = $1)))
                    and vm.pool_id = operation.pool_id
                    and vm.removed_at is null and vm.created_at <= operation.created_at
               left join claim on claim.id = vm.claim_id
                    and claim.created_at <= operation.created_at
               where operation.id = $1";
    client.execute(sql, &[&id]).await?;
    Ok(())
}

/// Whether an open operation removes the machine of the row `vm`, as SQL.
pub(crate) const SPOKEN_FOR: &str = "exists (
    select from operation_target as target join operation on operation.id = target.operation_id
    where target.vm_id = vm.id and target.left_out is null and target.successor_id is null
      and operation.removes and operation.state in ('queued', 'running'))";

/// Writes to the rows of an operation's VMs whether they are spoken for. Every transaction that
/// changes an operation's state or targets calls it. The caller holds the pool's lock; otherwise
/// two such transactions would each count without the other.
pub(super) async fn recount(change: &mut Change<'_>, id: OperationId) -> Result<(), DbError> {
    write_if_missing(&**change, id).await?;
    let sql = format!(
        "with theirs as (
             select vm.id, {SPOKEN_FOR} as spoken_for
             from operation_target as mine join vm on vm.id = mine.vm_id
             where mine.operation_id = $1 and {SPOKEN_FOR} <> (vm.removing_at is not null)
             order by vm.id for no key update of vm
         )
         update vm set removing_at = case when theirs.spoken_for then now() end
         from theirs where vm.id = theirs.id
         returning vm.id, theirs.spoken_for"
    );
    for vm in change.query(&sql, &[&id]).await? {
        let kind = if vm.try_get("spoken_for")? { Kind::VmToGo } else { Kind::VmStays };
        change.event(kind).of_vm(vm.try_get("id")?).of_operation(id);
    }
    Ok(())
}
