//! Machines that could not run a participant's desktop through their own fault.

use std::sync::LazyLock;
use tokio_postgres::types::ToSql;

use super::assign::SHOWS;
use crate::{
    Actor, DbError,
    db::GenericClient,
    events::{Change, Kind, Touch},
    ids::{ClaimId, VmId},
    rows::TOKEN_DUE,
    vms,
};
use lablink_protocol::CrdCode;
use serde_json::json;

/// Marks a VM as in error, so that nobody gets it until its agent, started again, or an organiser
/// says otherwise.
pub(super) async fn blame(
    change: &mut Change<'_>,
    claim_id: ClaimId,
    vm_id: VmId,
    detail: Option<&str>,
) -> Result<(), DbError> {
    let reason = format!(
        "{} So nobody gets this machine. When it is mended, start its agent again; or replace it.",
        detail.unwrap_or("Chrome Remote Desktop can't run here.")
    );
    let sql = "update claim set faulty_vm_id = $2, machine_fault = $3 where id = $1";
    change.execute(sql, &[&claim_id, &vm_id, &reason]).await?;
    let sql = "update vm set status = 'error', status_reason = $2
               where id = $1 and status <> 'error'
               returning id";
    if change.query_opt(sql, &[&vm_id, &reason]).await?.is_some() {
        let data = json!({ "from": "running", "to": "error", "reason": reason });
        change.event(Kind::VmStatusChanged).of_vm(vm_id).with(data);
    }
    Ok(())
}

/// Removes that mark, unless another has replaced it meanwhile.
pub(super) async fn acquit(
    change: &mut Change<'_>,
    vm_id: VmId,
    reason: &str,
) -> Result<(), DbError> {
    let sql = "update vm set status = 'running', status_reason = null
               where id = $1 and status = 'error' and status_reason = $2 and removed_at is null
               returning id";
    if change.query_opt(sql, &[&vm_id, &reason]).await?.is_some() {
        let data = json!({ "from": "error", "to": "running" });
        change.event(Kind::VmStatusChanged).of_vm(vm_id).with(data);
    }
    Ok(())
}

pub(super) async fn forget(client: &impl GenericClient, claim_id: ClaimId) -> Result<(), DbError> {
    let sql = "update claim set faulty_vm_id = null, machine_fault = null where id = $1";
    client.execute(sql, &[&claim_id]).await?;
    Ok(())
}

/// Gives free VMs to participants whose own is at fault, starting with the one who has waited
/// longest; fewer VMs fit those who use a tab, so they come first. The claim stays the same, with
/// its links, PIN and command; on another machine nobody is left to be locked out. The caller holds
/// the line, so rows that somebody else has are passed over.
pub(crate) async fn move_claims(change: &mut Change<'_>) -> Result<(), DbError> {
    static TAB: LazyLock<String> =
        LazyLock::new(|| statement(&for_tab(), &format!("{SHOWS} and {}", vms::CLAIMABLE)));
    static ANY: LazyLock<String> =
        LazyLock::new(|| statement(&format!("not {}", for_tab()), vms::CLAIMABLE));
    let (pool, stale_after) = (change.pool(), change.pool().rules().machines.stale_after);
    let values: [&(dyn ToSql + Sync); 2] = [&pool.as_i64(), &stale_after.as_seconds()];
    for sql in [&TAB, &ANY] {
        let statement = change.prepare_cached(sql).await?;
        while let Some(moved) = change.query_opt(&statement, &values).await? {
            let from: &str = moved.try_get("hostname")?;
            let event = change.event(Kind::ClaimMoved).by(Actor::System);
            let event = event.with(json!({ "from": from }));
            event.of_vm(moved.try_get("vm")?).of_claim(moved.try_get("id")?);
            change.touch(Touch::Vm(moved.try_get("left_behind")?));
        }
    }
    Ok(())
}

/// A claim that only a VM with a desktop in a tab is fit for.
fn for_tab() -> String {
    format!("starts_with(claim.crd_code, '{}')", CrdCode::FOR_TAB)
}

/// Moves the first of the claims that are `theirs` to the best VM that is `fit`.
fn statement(theirs: &str, fit: &str) -> String {
    format!(
        "with stranded as (
             select claim.id, claim.vm_id, vm.hostname
             from claim join vm on vm.id = claim.vm_id
             where claim.pool_id = $1 and claim.moving_since is not null
               and claim.released_at is null and {theirs}
             order by claim.moving_since, claim.id limit 1
             for no key update of vm, claim skip locked
         ), taken as (
             select vm.id, vm.hostname from vm
             where vm.pool_id = $1 and {fit} and exists (select from stranded)
             order by {order} limit 1 for no key update of vm skip locked
         ), left_behind as (
             update vm set claim_id = null, token_due_at = {TOKEN_DUE}
             from stranded, taken where vm.id = stranded.vm_id
         ), held as (
             update vm set claim_id = stranded.id, in_use = false from stranded, taken
             where vm.id = taken.id
         ), moved as (
             update claim set vm_id = taken.id, state = 'waiting', detail = null, fault = null,
                 commanded_at = now(), moved_command_no = command_no, moving_since = null,
                 locked_out_at = case when lock_out_no = command_no then now()
                                      else locked_out_at end
             from stranded, taken where claim.id = stranded.id
         )
         select stranded.id, stranded.hostname, stranded.vm_id as left_behind, taken.id as vm
         from stranded, taken",
        order = vms::BEST_FIRST,
    )
}
