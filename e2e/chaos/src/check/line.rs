//! Places in line are served in the order of their coming, nobody is handed a VM past them, and
//! none waits while a VM is free.

use super::{Evidence, slack::INEXACT};
use crate::{
    clock::At,
    facts::{Event, Place},
};

/// Less than what makes a place lapse: nobody who waits is away for so long.
const AWAY: At = 150_000;

pub fn check(evidence: &Evidence) -> Vec<String> {
    let facts = &evidence.facts;
    let mut found = Vec::new();
    for event in facts.events.iter().filter(|event| event.kind == "place.offered") {
        let Some(offered) = event.place else { continue };
        let mut earlier = facts.places.iter().filter(|place| place.id < offered);
        if let Some(passed) = earlier.find(|place| waited(evidence, place, event.at)) {
            found.push(format!(
                "place {offered} was offered a VM at {} before place {} of {}, which waited since {}",
                evidence.t(event.at),
                passed.id,
                passed.email,
                evidence.t(passed.created)
            ));
        }
    }
    found.extend(taken_past_it(evidence));
    found.extend(left_waiting(evidence));
    found
}

/// Whether the place waited at that moment and had never been offered anything: of one whose offer
/// was void again, nothing is written.
fn waited(evidence: &Evidence, place: &Place, at: At) -> bool {
    let offered = |event: &Event| event.place == Some(place.id) && event.kind == "place.offered";
    let offered_by_then = |event: &&Event| offered(event) && event.at <= at + INEXACT;
    place.created < at - INEXACT
        && place.ended.is_none_or(|ended| ended > at + INEXACT)
        && place.looked > at - AWAY
        && !evidence.facts.events.iter().any(|event| offered_by_then(&event))
}

/// Claims of people who never stood in line, while somebody did.
fn taken_past_it(evidence: &Evidence) -> Vec<String> {
    let facts = &evidence.facts;
    let mut found = Vec::new();
    for claim in &facts.claims {
        if facts.places.iter().any(|place| place.email == claim.email) {
            continue;
        }
        // A person who joins at the same moment may be later than the claim.
        let at = claim.created;
        if let Some(passed) = facts
            .places
            .iter()
            .find(|place| place.created < at - 2 * INEXACT && waited(evidence, place, at))
        {
            found.push(format!(
                "{} claimed at {} past place {} of {}, which waited since {}",
                claim.email,
                evidence.t(at),
                passed.id,
                passed.email,
                evidence.t(passed.created)
            ));
        }
    }
    found
}

fn left_waiting(evidence: &Evidence) -> Option<String> {
    let facts = &evidence.facts;
    let waiting = facts.places.iter().find(|it| it.waits())?;
    let free = facts.vms.iter().find(|vm| vm.free)?;
    Some(format!(
        "the world is quiet, {} is free, and place {} of {} still waits",
        free.hostname, waiting.id, waiting.email
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::Story;

    fn two_wait() -> Story {
        Story::default().vm(1, "a").place(1, "ada", 1000).place(2, "bob", 2000)
    }

    #[test]
    fn an_offer_to_the_first_is_right() {
        assert!(check(&two_wait().offer(1, 9000).offer(2, 9900).evidence()).is_empty());
    }

    #[test]
    fn an_offer_to_the_second_alone_is_found() {
        assert_eq!(check(&two_wait().offer(2, 9000).evidence()).len(), 1);
        let left = two_wait().place_ended(1, 5000).offer(2, 9000);
        assert!(check(&left.evidence()).is_empty());
    }

    #[test]
    fn a_claim_past_the_line_is_found() {
        assert_eq!(check(&two_wait().claim(1, 1, "eve", 9000).evidence()).len(), 1);
        let of_the_line = two_wait().offer(1, 8000).offer(2, 8000).claim(1, 1, "ada", 9000);
        assert!(check(&of_the_line.evidence()).is_empty());
    }

    #[test]
    fn a_place_that_waits_beside_a_free_vm_is_found() {
        assert_eq!(check(&two_wait().free(1).evidence()).len(), 1);
    }
}
