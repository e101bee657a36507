use super::TOKEN_DUE;
use crate::{
    DbError,
    events::{Change, Kind},
    ids::VmId,
    text_enum::text_enum,
};

text_enum! {
    /// Why a claim ended.
    pub enum ReleaseReason {
        /// The participant gave the VM back.
        Returned = "returned",
        /// An organiser took it back.
        Released = "released",
        /// The VM was destroyed.
        Destroyed = "destroyed",
    }
}

/// Ends the open claim of a VM, if it has one: part of the transaction that frees or removes the
/// VM. Its agent is to take a new token before somebody else can have the VM. The claim stays as
/// history, without its command and PIN.
pub(crate) async fn release_of_vm(
    change: &mut Change<'_>,
    vm_id: VmId,
    reason: ReleaseReason,
) -> Result<(), DbError> {
    let released = change
        .query_opt(
            &format!(
                "with ended as (
                 update claim set released_at = now(), release_reason = $2, crd_code = null, pin = null
                 where vm_id = $1 and released_at is null returning id
             ), before as (
                 select in_use from vm where id = $1
             ), freed as (
                 update vm set claim_id = null, in_use = false, used_at = now(),
                        last_claim_id = ended.id, token_due_at = {TOKEN_DUE}
                 from ended where vm.id = $1 returning vm.id
             )
             select ended.id, before.in_use
             from ended, before, freed"
            ),
            &[&vm_id, &reason.as_str()],
        )
        .await?;
    let Some(released) = released else { return Ok(()) };
    if released.try_get("in_use")? {
        change.event(Kind::VmUseEnded).of_vm(vm_id);
    }
    change
        .event(Kind::ClaimReleased)
        .of_vm(vm_id)
        .of_claim(released.try_get("id")?)
        .with(serde_json::json!({ "reason": reason.as_str() }));
    Ok(())
}
