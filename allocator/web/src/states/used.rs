//! What pages say of a machine that was used.

use jiff::{SignedDuration, Timestamp};
use lablink_core::{
    pools::{AfterUse, Source, StaleAfter},
    vms::Vm,
};
use lablink_protocol::Cleaning;

use super::used_note::{Afterwards, UsedNote, UsedStanding};

/// None for a VM that was not used, that somebody has, or that is going anyway.
pub fn note(vm: &Vm, rule: AfterUse, now: Timestamp, stale_after: StaleAfter) -> Option<UsedNote> {
    let since = vm.used_since.filter(|_| vm.claim.is_none() && !vm.removing)?;
    let standing = match (rule, &vm.clean_failure, cleaning(vm)) {
        _ if is_made(vm) => UsedStanding::Unreplaced,
        (AfterUse::Hold | AfterUse::Reuse, _, _) => UsedStanding::ForOrganiser,
        (AfterUse::Clean, _, None) => UsedStanding::AgentUnable,
        (AfterUse::Clean, _, Some(Cleaning::Impossible(reason))) => {
            UsedStanding::Impossible { reason }
        }
        (AfterUse::Clean, Some(reason), Some(Cleaning::Possible)) => {
            UsedStanding::Failed { reason: reason.clone() }
        }
        (AfterUse::Clean, None, Some(Cleaning::Possible)) if is_heard(vm, now, stale_after) => {
            UsedStanding::BeingCleaned
        }
        (AfterUse::Clean, None, Some(Cleaning::Possible)) => UsedStanding::AgentAway,
    };
    Some(UsedNote {
        hostname: vm.hostname.to_string(),
        by: vm.last_participant.clone(),
        since,
        standing,
        now,
    })
}

/// What becomes of the VM when its participant is done.
pub fn afterwards(vm: &Vm, rule: AfterUse) -> Afterwards {
    match rule {
        _ if is_made(vm) => Afterwards::Replaced,
        AfterUse::Reuse => Afterwards::Reused,
        AfterUse::Clean if cleaning(vm) == Some(Cleaning::Possible) => Afterwards::Cleaned,
        AfterUse::Clean | AfterUse::Hold => Afterwards::Held,
    }
}

fn is_made(vm: &Vm) -> bool {
    matches!(vm.source, Source::Local | Source::Aws)
}

/// What its agent said last; none of one that knows nothing of cleaning.
fn cleaning(vm: &Vm) -> Option<Cleaning> {
    serde_json::from_value(vm.vitals.as_ref()?.get("cleaning")?.clone()).ok()
}

fn is_heard(vm: &Vm, now: Timestamp, StaleAfter(stale_after): StaleAfter) -> bool {
    let longest = SignedDuration::try_from(stale_after).unwrap_or_default();
    !vm.stopped && vm.last_seen.is_some_and(|seen| now.duration_since(seen) <= longest)
}
