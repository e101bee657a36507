//! How connecting a participant went, and what follows from it.

use super::{ClaimState, faulty_machine};
use crate::{
    DbError, Scope, agents,
    db::{self, GenericClient},
    events::{Change, Kind},
    ids::{ClaimId, VmId},
    line,
};
use lablink_protocol::{ClaimOutcome, ClaimResult, Fault};
use serde_json::json;
use tokio_postgres::types::ToSql;

/// The claim that an agent reports on is not its VM's current one: it was released or moved, or
/// another command has come since. The agent can do nothing about it.
#[derive(Debug, thiserror::Error)]
pub enum NoSuchClaim {
    #[error("this VM holds no such claim, or the claim has a newer command")]
    Superseded,
    #[error("the result could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(NoSuchClaim);

/// The task of an agent, with its claim and VM locked.
struct Attempt {
    claim_id: ClaimId,
    vm_id: VmId,
    /// The newest command, which this is about.
    command_no: i32,
    state: ClaimState,
    /// To end the desktop, and to wait for the next command.
    is_lock_out: bool,
    /// The cause of its failure.
    fault: Option<String>,
    /// The machine that could not run this claim's desktop, and why.
    faulty: Option<(VmId, String)>,
    /// The command with which the claim came from there.
    moved_command_no: Option<i32>,
}

/// Stores how connecting the participant went. If the machine is at fault, it is not handed out
/// until somebody has seen to it, and the participant gets another one, once, with the same
/// command. If that one can't run it either, the command is at fault.
pub async fn report(scope: &Scope, result: &ClaimResult) -> Result<(), NoSuchClaim> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let attempt = lock(&*change, result).await?.ok_or(NoSuchClaim::Superseded)?;
        // Bounded: it is shown on pages.
        let detail: Option<String> =
            result.detail.as_deref().map(|d| d.chars().take(500).collect());
        match (result.outcome, result.fault.unwrap_or(Fault::Command)) {
            (ClaimOutcome::LockedOut, _) => {
                if !attempt.is_lock_out {
                    return Err(NoSuchClaim::Superseded);
                }
                let sql = "update claim set locked_out_at = now()
                           where id = $1 and locked_out_at is null
                           returning id";
                if change.query_opt(sql, &[&attempt.claim_id]).await?.is_some() {
                    // The current token was on the machine while the desktop was still running.
                    agents::ask_for_new_token(&change, attempt.vm_id).await?;
                    tell(&mut change, &attempt, Kind::ClaimLockedOut, None);
                }
            }
            (ClaimOutcome::Connected, _) => {
                write(&*change, &attempt, ClaimState::Connected, None, detail.as_deref()).await?;
                if let Some((vm, reason)) =
                    attempt.faulty.as_ref().filter(|it| it.0 == attempt.vm_id)
                {
                    faulty_machine::acquit(&mut change, *vm, reason).await?;
                    faulty_machine::forget(&*change, attempt.claim_id).await?;
                }
                tell(&mut change, &attempt, Kind::ClaimConnected, detail.as_deref());
            }
            (ClaimOutcome::Failed, Fault::Command) => {
                let detail = detail.as_deref();
                write(&*change, &attempt, ClaimState::Failed, Some("command"), detail).await?;
                tell(&mut change, &attempt, Kind::ClaimFailed, detail);
            }
            // A repeated result changes nothing.
            (ClaimOutcome::Failed, Fault::Machine)
                if attempt.state == ClaimState::Failed
                    && attempt.fault.as_deref() == Some("machine") => {}
            (ClaimOutcome::Failed, Fault::Machine)
                if attempt.moved_command_no == Some(attempt.command_no) =>
            {
                if let Some((vm, reason)) = &attempt.faulty {
                    faulty_machine::acquit(&mut change, *vm, reason).await?;
                    faulty_machine::forget(&*change, attempt.claim_id).await?;
                }
                let detail = format!(
                    "{} It was the same on another machine, so it is the command: get a new one.",
                    detail.as_deref().unwrap_or("Chrome Remote Desktop could not run.")
                );
                write(&*change, &attempt, ClaimState::Failed, Some("command"), Some(&detail))
                    .await?;
                tell(&mut change, &attempt, Kind::ClaimFailed, Some(&detail));
            }
            (ClaimOutcome::Failed, Fault::Machine) => {
                write(&*change, &attempt, ClaimState::Failed, Some("machine"), detail.as_deref())
                    .await?;
                tell(&mut change, &attempt, Kind::ClaimFailed, detail.as_deref());
                let (claim, vm) = (attempt.claim_id, attempt.vm_id);
                faulty_machine::blame(&mut change, claim, vm, detail.as_deref()).await?;
                // A participant who has worked there already has files there, and must not lose
                // them unasked.
                if attempt.moved_command_no.is_none() && !was_connected(&*change, &attempt).await? {
                    let waits = "update claim set moving_since = now() where id = $1";
                    change.execute(waits, &[&claim]).await?;
                }
            }
        }
        // People who need another machine come before the line. A machine may have become free,
        // too.
        line::serve(&mut change).await?;
        change.commit().await?;
        Ok(())
    })
}

/// Locks the VMs that the result may be about, in the order of their ids, then the claim.
async fn lock(
    client: &impl GenericClient,
    result: &ClaimResult,
) -> Result<Option<Attempt>, DbError> {
    let sql = "select vm.id, claim.faulty_vm_id from vm join claim on claim.vm_id = vm.id
               where vm.hostname = $1 and vm.removed_at is null and claim.id = $2
                 and claim.released_at is null";
    let key: [&(dyn ToSql + Sync); 2] = [&result.hostname.as_str(), &result.claim_id];
    let Some(found) = client.query_opt(sql, &key).await? else { return Ok(None) };
    let vm_id: VmId = found.try_get("id")?;
    let vms = [Some(vm_id), found.try_get("faulty_vm_id")?];
    let sql = "select from vm where id = any($1) order by id for no key update";
    client.query(sql, &[&vms.as_slice()]).await?;
    let sql = "select command_no, state, fault, faulty_vm_id, machine_fault, moved_command_no,
                   coalesce(lock_out_no = command_no, false) as is_lock_out
               from claim where id = $1 and vm_id = $2 and released_at is null
                 and command_no = coalesce($3, command_no) for no key update";
    let key: [&(dyn ToSql + Sync); 3] = [&result.claim_id, &vm_id, &result.command_no];
    let Some(claim) = client.query_opt(sql, &key).await? else { return Ok(None) };
    let faulty: Option<VmId> = claim.try_get("faulty_vm_id")?;
    Ok(Some(Attempt {
        claim_id: result.claim_id.into(),
        vm_id,
        command_no: claim.try_get("command_no")?,
        state: db::word(&claim, "state")?,
        is_lock_out: claim.try_get("is_lock_out")?,
        fault: claim.try_get("fault")?,
        faulty: faulty.zip(claim.try_get("machine_fault")?),
        moved_command_no: claim.try_get("moved_command_no")?,
    }))
}

async fn write(
    client: &impl GenericClient,
    attempt: &Attempt,
    state: ClaimState,
    fault: Option<&str>,
    detail: Option<&str>,
) -> Result<(), DbError> {
    let sql = "update claim set state = $2, fault = $3, detail = $4,
                   moving_since = case when $2 = 'connected' then null else moving_since end
               where id = $1";
    client.execute(sql, &[&attempt.claim_id, &state.as_str(), &fault, &detail]).await?;
    Ok(())
}

fn tell(change: &mut Change<'_>, attempt: &Attempt, kind: Kind, detail: Option<&str>) {
    let event = change.event(kind).of_vm(attempt.vm_id).of_claim(attempt.claim_id);
    event.with(json!({ "detail": detail }));
}

async fn was_connected(client: &impl GenericClient, attempt: &Attempt) -> Result<bool, DbError> {
    let sql = "select exists (select from event where vm_id = $1 and claim_id = $2 and kind = $3)";
    let key: [&(dyn ToSql + Sync); 3] =
        [&attempt.vm_id, &attempt.claim_id, &Kind::ClaimConnected.as_str()];
    Ok(client.query_one(sql, &key).await?.try_get(0)?)
}
