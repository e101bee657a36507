//! "This machine, this PIN": there is such a claim, with that PIN, and while it is open there is
//! such a machine, which knows the command. It ends only because somebody asked for that.

use std::collections::BTreeSet;

use super::{Evidence, slack::INEXACT};
use crate::{
    facts::{Claim, Vm},
    history::{Ask, Promise, Wish},
};

pub fn check(evidence: &Evidence) -> Vec<String> {
    let mut found = lost(evidence);
    for claim in &evidence.facts.claims {
        let Some(vm) = evidence.facts.vm(claim.vm_id) else { continue };
        match claim.released {
            Some(released) => found.extend(ended_unasked(evidence, claim, vm, released)),
            None => found.extend(broken(evidence, claim, vm)),
        }
    }
    found
}

/// What was told and is not so.
fn lost(evidence: &Evidence) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for promise in &evidence.history.promises {
        if !seen.insert((&promise.email, &promise.hostname, &promise.pin)) {
            continue;
        }
        let mut claims =
            evidence.facts.claims.iter().filter(|claim| is_of(evidence, claim, promise));
        let kept = claims.any(|claim| claim.pin.as_ref().is_none_or(|pin| *pin == promise.pin));
        if !kept {
            found.push(format!(
                "{} was told {} and a PIN at {}, and there is no such claim",
                promise.email,
                promise.hostname,
                evidence.t(promise.at)
            ));
        }
    }
    found
}

fn is_of(evidence: &Evidence, claim: &Claim, promise: &Promise) -> bool {
    claim.email == promise.email
        && claim.created <= promise.at + INEXACT
        && evidence.facts.vm(claim.vm_id).is_some_and(|vm| vm.hostname == promise.hostname)
}

/// A claim that is over though nobody had asked for that.
fn ended_unasked(evidence: &Evidence, claim: &Claim, vm: &Vm, released: i64) -> Option<String> {
    let reason = claim.reason.as_deref().unwrap_or_default();
    let is_cause = |ask: &&Ask| {
        ask.at <= released + INEXACT
            && match (&ask.wish, reason) {
                (Wish::GiveBack { email }, "returned") => *email == claim.email,
                (Wish::Release { hostname, .. } | Wish::Forget { hostname }, "released")
                | (Wish::Release { hostname, .. } | Wish::Replace { hostname }, "destroyed") => {
                    *hostname == vm.hostname
                }
                (Wish::Destroy { hostnames }, "destroyed") => hostnames.contains(&vm.hostname),
                _ => false,
            }
    };
    if evidence.history.asks.iter().any(|ask| is_cause(&ask)) {
        return None;
    }
    Some(format!(
        "claim {} of {} on {} was ended ({reason}) at {}, and nobody had asked for it",
        claim.id,
        claim.email,
        vm.hostname,
        evidence.t(released)
    ))
}

/// A claim that is open, and not what its page says.
fn broken(evidence: &Evidence, claim: &Claim, vm: &Vm) -> Option<String> {
    let wrong = |what: &str| {
        let (email, hostname) = (&claim.email, &vm.hostname);
        Some(format!(
            "claim {} of {email} on {hostname} is open ({}): {what}",
            claim.id, claim.state
        ))
    };
    if let Some(removed) = vm.removed {
        return wrong(&format!("its VM was removed at {}", evidence.t(removed)));
    }
    if vm.source != "local" {
        return None;
    }
    let folder = evidence.machines.folders.iter().find(|folder| folder.hostname == vm.hostname);
    let Some(folder) = folder else { return wrong("there is no such machine") };
    if matches!(claim.state.as_str(), "waiting" | "connecting") {
        return wrong("the world is quiet, and its command was not carried out");
    }
    let pin = claim.pin.as_deref().unwrap_or_default();
    let knows = folder.marks.iter().any(|mark| mark.split('.').next() == Some(pin));
    if knows {
        None
    } else {
        wrong("the machine of that name is another, which was never told its PIN")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::Story;

    fn held() -> Story {
        let story = Story::default().vm(1, "a").claim(1, 1, "ada", 10).pin(1, "111111");
        story.promise("ada", "a", "111111", 11)
    }

    #[test]
    fn a_promise_that_is_kept_is_right() {
        let story = held().folder("a", &["111111.ada"]);
        assert_eq!(check(&story.evidence()), Vec::<String>::new());
    }

    #[test]
    fn a_promise_without_a_claim_or_with_another_pin_is_found() {
        let story = Story::default().vm(1, "a").promise("ada", "a", "111111", 11);
        assert_eq!(check(&story.evidence()).len(), 1);
        let story = held().folder("a", &["111111.ada"]).promise("ada", "a", "222222", 12);
        assert_eq!(check(&story.evidence()).len(), 1);
    }

    #[test]
    fn an_open_claim_of_a_machine_that_is_gone_or_another_is_found() {
        assert_eq!(check(&held().evidence()).len(), 1);
        assert_eq!(check(&held().folder("a", &[]).evidence()).len(), 1);
        let removed = held().folder("a", &["111111.ada"]).removed(1, 50);
        assert_eq!(check(&removed.evidence()).len(), 1);
    }

    #[test]
    fn an_open_claim_whose_command_was_never_carried_out_is_found() {
        let story = held().folder("a", &["111111.ada"]).claim_state(1, "waiting");
        assert_eq!(check(&story.evidence()).len(), 1);
    }

    #[test]
    fn an_end_that_nobody_asked_for_is_found() {
        let over =
            Story::default().vm(1, "a").claim(1, 1, "ada", 10).released(1, 5000, "destroyed");
        assert_eq!(check(&over.clone().evidence()).len(), 1);
        let asked = Wish::Destroy { hostnames: vec!["a".to_owned()] };
        assert!(check(&over.clone().ask(asked, 4000).evidence()).is_empty());
        let other = Wish::Destroy { hostnames: vec!["b".to_owned()] };
        assert_eq!(check(&over.ask(other, 4000).evidence()).len(), 1);
    }
}
