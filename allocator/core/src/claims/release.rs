use crate::{
    Actor, DbError,
    agents::TOKEN_DUE,
    db::GenericClient,
    events::{self, Event},
    ids::VmId,
    pools::Pool,
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
/// VM. Its agent is to take a new token before somebody else can have the VM. The claim stays as history, without its command and PIN.
pub async fn release_of_vm(
    client: &impl GenericClient,
    pool: &Pool,
    vm_id: VmId,
    reason: ReleaseReason,
    actor: &Actor,
) -> Result<(), DbError> {
    let released = client
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
                 from ended where vm.id = $1 returning hostname
             )
             select ended.id, before.in_use, pg_notify('vm_changed', freed.hostname)::text
             from ended, before, freed"
            ),
            &[&vm_id, &reason.as_str()],
        )
        .await?;
    let Some(released) = released else { return Ok(()) };
    if released.try_get("in_use")? {
        let event = Event { vm_id: Some(vm_id), ..Event::new(actor, "vm.use_ended") };
        events::record(client, pool, event).await?;
    }
    let event = Event {
        vm_id: Some(vm_id),
        claim_id: Some(released.try_get("id")?),
        data: serde_json::json!({ "reason": reason.as_str() }),
        ..Event::new(actor, "claim.released")
    };
    events::record(client, pool, event).await
}
