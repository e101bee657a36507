//! What is wrong with a VM, if anything is.

use jiff::{SignedDuration, Timestamp};
use lablink_core::{
    pools::{Source, StaleAfter},
    vms::{self, Vm},
};
use lablink_protocol::{CloudNotice, GpuHealth, VmStatus};

use super::trouble::{Attention, Trouble};
use crate::pages::moment;

/// How long an agent may take for a new token before that is pointed out.
const SOON: SignedDuration = SignedDuration::from_mins(1);

/// The worst that is known of a VM. None: it needs nobody.
pub fn attention(
    vm: &Vm,
    now: Timestamp,
    StaleAfter(stale_after): StaleAfter,
) -> Option<Attention> {
    let stale_after = SignedDuration::try_from(stale_after).unwrap_or_default();
    let is_silent = vm.last_seen.is_some_and(|seen| now.duration_since(seen) > stale_after);
    let told =
        |else_reason: &str| vm.status_reason.clone().unwrap_or_else(|| else_reason.to_owned());
    if let Some(since) = vm.barred_since {
        let reason = match &vm.claim {
            None => {
                "Somebody waited for its next claim with an old token, which was probably copied \
                 during an earlier claim. They learnt nothing. Nobody can claim it for now."
            }
            Some(_) => {
                "Somebody waited for what its participant is given with an old token, which was \
                 probably copied while they had the machine. The participant keeps it, and nobody \
                 can claim it next. If you have just locked somebody out or made a new link, and \
                 its agent is silent since then, they have its new token: end the claim and give a \
                 fresh machine."
            }
        };
        return Some(Attention {
            trouble: Trouble::Barred,
            since: Some(since),
            reason: reason.to_owned(),
        });
    }
    if let Some(notice @ CloudNotice::TakenBack { time, .. }) = &vm.notice {
        let at = vms::taken_back_at(notice);
        let when = at.map_or_else(|| time.clone(), |at| moment::utc(&at));
        return Some(Attention {
            trouble: Trouble::Ending,
            since: None,
            reason: format!("Its cloud takes this machine back: {when}. Nobody can claim it."),
        });
    }
    if let Some((finding, since)) = &vm.found
        && let Some(reason) = finding.words()
    {
        return Some(Attention { trouble: Trouble::Down, since: Some(*since), reason });
    }
    let token_due = vm.token_due_since.filter(|since| {
        vm.claim.is_none() && (!renews_token(vm) || now.duration_since(*since) > SOON)
    });
    let (trouble, since, reason) = match vm.status {
        VmStatus::Error => (Trouble::Failed, None, told("The VM reports an error.")),
        VmStatus::Unknown => (Trouble::Failed, None, told("The VM's state is not known.")),
        _ if let Some(reason) = &vm.start_failure => {
            (Trouble::Broken, vm.suspect_at, reason.clone())
        }
        _ if vm.gpu == Some(GpuHealth::Unhealthy) => (Trouble::Unhealthy, None, sick(vm)),
        VmStatus::Initializing if vm.claim.is_none() => {
            vm.overdue_at?;
            let reason = match (vm.starting_since, vm.source) {
                (None, _) => {
                    "It was registered, but its install command expired before it was used."
                }
                (Some(_), Source::Local | Source::Aws) => {
                    "Its machine was started, but its agent has not reported that it runs."
                }
                (Some(_), Source::Manual | Source::Unknown) => {
                    "Its agent made contact once, but has not reported that it runs."
                }
            };
            let since = vm.starting_since.unwrap_or(vm.created_at);
            (Trouble::Overdue, Some(since), reason.to_owned())
        }
        _ if token_due.is_some() => {
            let reason = if renews_token(vm) {
                "A claim has ended, and its agent has not taken a new token yet. Nobody can claim \
                 it before that."
            } else {
                "A claim has ended, and its agent is too old to take a new token. Nobody can claim \
                 it, because its last participant may have copied the token."
            };
            (Trouble::TokenDue, token_due, reason.to_owned())
        }
        _ if vm.suspect_at.is_some() && vm.stopped => {
            (Trouble::Suspect, vm.last_seen, "Its agent was stopped, and did not come back.".into())
        }
        _ if vm.suspect_at.is_some() => {
            (Trouble::Suspect, vm.last_seen, "Its agent does not answer any more.".into())
        }
        _ if vm.stopped => {
            let reason = told("Its agent was stopped, so it is not handed out.");
            (Trouble::Silent, vm.last_seen, reason)
        }
        _ if is_silent => (
            Trouble::Silent,
            vm.last_seen,
            "Its agent does not answer, so it is not handed out.".into(),
        ),
        VmStatus::Initializing | VmStatus::Running => return None,
    };
    Some(Attention { trouble, since, reason })
}

/// Its agent is one that takes new tokens, as far as it has said.
fn renews_token(vm: &Vm) -> bool {
    vm.vitals.as_ref().is_some_and(|vitals| vitals.get("token").is_some())
}

fn sick(vm: &Vm) -> String {
    match &vm.gpu_reason {
        Some(reason) => format!("Its GPU is unhealthy, so it is not handed out: {reason}."),
        None => "Its GPU is unhealthy, so it is not handed out.".to_owned(),
    }
}
