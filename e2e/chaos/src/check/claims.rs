//! A VM has one claim at a time, a person has one VM, and nobody is told what another was told.

use std::collections::BTreeMap;

use super::Evidence;
use crate::facts::{About, Claim};

pub fn check(evidence: &Evidence) -> Vec<String> {
    let mut found = overlaps(evidence, "VM", |claim| claim.vm_id.to_string());
    found.extend(overlaps(evidence, "person", |claim| claim.email.clone()));
    found.extend(told_twice(evidence));
    found
}

/// Claims of the same one, of which the later began before the earlier had ended: by the order of
/// events, which follows the locks.
fn overlaps(evidence: &Evidence, what: &str, key: fn(&Claim) -> String) -> Vec<String> {
    let facts = &evidence.facts;
    let mut latest: BTreeMap<String, &Claim> = BTreeMap::new();
    let mut found = Vec::new();
    for claim in &facts.claims {
        let Some(before) = latest.insert(key(claim), claim) else { continue };
        let ended = facts.event_of("claim.released", About::Claim(before.id));
        let began = facts.event_of("claim.created", About::Claim(claim.id));
        let one_after_the_other = match (ended, began) {
            (Some(ended), Some(began)) => ended < began,
            _ => before.released.is_some_and(|released| released <= claim.created),
        };
        if !one_after_the_other {
            found.push(format!(
                "claims {} ({}) and {} ({}) of {what} {} were open at once, at {}",
                before.id,
                before.email,
                claim.id,
                claim.email,
                key(claim),
                evidence.t(claim.created)
            ));
        }
    }
    found
}

fn told_twice(evidence: &Evidence) -> Vec<String> {
    let mut told: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut found = Vec::new();
    for promise in &evidence.history.promises {
        let ticket = (promise.hostname.as_str(), promise.pin.as_str());
        let first = *told.entry(ticket).or_insert(&promise.email);
        if first != promise.email {
            found.push(format!(
                "{first} and, at {}, {} were both told {} with the same PIN",
                evidence.t(promise.at),
                promise.email,
                promise.hostname
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::Story;

    #[test]
    fn claims_one_after_the_other_are_right() {
        let story = Story::default().vm(1, "a").claim(1, 1, "ada", 10).released(1, 20, "returned");
        assert!(check(&story.claim(2, 1, "bob", 30).evidence()).is_empty());
    }

    #[test]
    fn two_open_claims_of_a_vm_are_found() {
        let story = Story::default().vm(1, "a").claim(1, 1, "ada", 10).claim(2, 1, "bob", 20);
        assert_eq!(check(&story.evidence()).len(), 1);
    }

    #[test]
    fn two_vms_of_a_person_are_found() {
        let story = Story::default().vm(1, "a").vm(2, "b");
        let story = story.claim(1, 1, "ada", 10).claim(2, 2, "ada", 20);
        assert_eq!(check(&story.evidence()).len(), 1);
    }

    #[test]
    fn the_same_ticket_for_two_is_found() {
        let story = Story::default().promise("ada", "a", "111111", 10);
        assert!(check(&story.clone().promise("ada", "a", "111111", 20).evidence()).is_empty());
        assert_eq!(check(&story.promise("bob", "a", "111111", 20).evidence()).len(), 1);
    }
}
