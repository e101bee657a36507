//! A VM that an open operation is about is not handed out, and what a participant was handed after
//! that is neither destroyed nor replaced by it.

use super::{Evidence, slack::INEXACT};
use crate::facts::{About, Claim, Facts, Operation};

pub fn check(evidence: &Evidence) -> Vec<String> {
    let facts = &evidence.facts;
    let mut found = Vec::new();
    for claim in &facts.claims {
        let Some(began) = facts.event_of("claim.created", About::Claim(claim.id)) else { continue };
        let hostname = facts.vm(claim.vm_id).map_or("", |vm| vm.hostname.as_str());
        let about: Vec<&Operation> = removals_of(facts, claim).collect();
        let asked = |it: &Operation| facts.event_of("operation.queued", About::Operation(it.id));
        for operation in &about {
            let before = asked(operation).is_some_and(|asked| asked < began);
            // Its last moments, in which it lets its VMs go and then ends.
            let open = operation.finished.is_none_or(|it| it > claim.created + INEXACT);
            if before && open {
                found.push(format!(
                    "{hostname} was handed to {} (claim {}) at {} while operation {} ({}, {}) was \
                     open, from {} to {}",
                    claim.email,
                    claim.id,
                    evidence.t(claim.created),
                    operation.id,
                    operation.kind,
                    operation.state,
                    evidence.t(operation.created),
                    operation.finished.map_or("now".to_owned(), |it| evidence.t(it))
                ));
            }
        }
        let asked_since = about.iter().any(|it| asked(it).is_some_and(|asked| asked > began));
        if claim.reason.as_deref() == Some("destroyed") && !asked_since {
            found.push(format!(
                "{hostname} was destroyed or replaced at {} under claim {} of {}, which began at {}, \
                 after every operation about it",
                evidence.t(claim.released.unwrap_or_default()),
                claim.id,
                claim.email,
                evidence.t(claim.created)
            ));
        }
    }
    found
}

fn removals_of<'a>(facts: &'a Facts, claim: &Claim) -> impl Iterator<Item = &'a Operation> {
    let vm = claim.vm_id;
    let removals =
        facts.operations.iter().filter(|it| matches!(it.kind.as_str(), "destroy" | "replace"));
    removals.filter(move |it| facts.targets(it).contains(&vm))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::Story;

    #[test]
    fn an_operation_that_was_asked_for_after_the_claim_is_right() {
        let story = Story::default().vm(1, "a").claim(1, 1, "ada", 1000);
        let story = story.operation(1, "destroy", &["a"], 5000).finished(1, 9000, "succeeded");
        assert!(check(&story.released(1, 8000, "destroyed").evidence()).is_empty());
    }

    #[test]
    fn a_claim_during_an_operation_is_found_and_one_after_it_is_right() {
        let asked = Story::default().vm(1, "a").operation(1, "replace", &["a"], 1000);
        let during = asked.clone().claim(1, 1, "ada", 5000).finished(1, 9000, "cancelled");
        assert_eq!(check(&during.evidence()).len(), 1);
        let after = asked.finished(1, 4000, "cancelled").claim(1, 1, "ada", 5000);
        assert!(check(&after.evidence()).is_empty());
    }

    #[test]
    fn a_launch_speaks_for_nobody() {
        let story = Story::default().vm(1, "a").operation(1, "launch", &["a"], 1000);
        assert!(check(&story.claim(1, 1, "ada", 5000).evidence()).is_empty());
    }

    #[test]
    fn a_vm_that_goes_under_a_later_claim_is_found() {
        let story = Story::default().vm(1, "a").operation(1, "destroy", &["a"], 1000);
        let story = story.finished(1, 2000, "failed").claim(1, 1, "ada", 5000);
        assert_eq!(check(&story.released(1, 9000, "destroyed").evidence()).len(), 1);
    }

    #[test]
    fn what_an_operation_leaves_out_it_is_not_about() {
        let story = Story::default().vm(1, "a").vm(2, "b");
        let story = story.operation(1, "destroy", &["a", "b"], 1000).targets(1, &[2]);
        assert!(check(&story.claim(1, 1, "ada", 5000).evidence()).is_empty());
    }
}
