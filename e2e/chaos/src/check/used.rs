//! A machine that somebody had goes to nobody else, unless it was made anew, or an organiser gave
//! it back for reuse.

use std::collections::{BTreeMap, BTreeSet};

use super::{Evidence, slack::INEXACT};
use crate::{
    clock::At,
    facts::Claim,
    history::{Then, Wish},
};

pub fn check(evidence: &Evidence) -> Vec<String> {
    let mut found = traces(evidence);
    found.extend(rows(evidence));
    found
}

/// Homes in which a participant found what earlier ones had left.
fn traces(evidence: &Evidence) -> Vec<String> {
    let starts = &evidence.machines.starts;
    let mut left: BTreeMap<(&str, &str), At> = BTreeMap::new();
    for start in starts {
        left.entry((&start.hostname, &start.pin)).or_insert(start.at);
    }
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for start in starts {
        let mut strangers: Vec<&str> = Vec::new();
        for mark in &start.marks {
            let (pin, owner) = mark.split_once('.').unwrap_or((mark, ""));
            let since = left.get(&(start.hostname.as_str(), pin)).copied().unwrap_or(start.at);
            if owner != start.person() && !was_reused(evidence, &start.hostname, since, start.at) {
                strangers.push(owner);
            }
        }
        if !strangers.is_empty() && told.insert((&start.hostname, start.person())) {
            found.push(format!(
                "{} met the traces of {} on {} at {}",
                start.person(),
                strangers.join(", "),
                start.hostname,
                evidence.t(start.at)
            ));
        }
    }
    found
}

/// Claims of two people on one row, whose machine stayed the same in between.
fn rows(evidence: &Evidence) -> Vec<String> {
    let facts = &evidence.facts;
    let mut latest: BTreeMap<i64, &Claim> = BTreeMap::new();
    let mut found = Vec::new();
    for claim in &facts.claims {
        let Some(vm) = facts.vm(claim.vm_id).filter(|vm| vm.source == "local") else { continue };
        let Some(before) = latest.insert(vm.id, claim) else { continue };
        let Some(released) = before.released else { continue };
        let made_anew = evidence.machines.calls.iter().any(|call| {
            call.hostname == vm.hostname
                && call.makes_machine()
                && call.at >= released - INEXACT
                && call.at <= claim.created + INEXACT
        });
        if before.email != claim.email
            && !made_anew
            && !was_reused(evidence, &vm.hostname, before.created, claim.created)
        {
            found.push(format!(
                "{} was handed to {} (claim {}) at {} as {} had left it (claim {}, {} at {})",
                vm.hostname,
                claim.email,
                claim.id,
                evidence.t(claim.created),
                before.email,
                before.id,
                before.reason.as_deref().unwrap_or("ended"),
                evidence.t(released)
            ));
        }
    }
    found
}

/// Whether an organiser said so.
fn was_reused(evidence: &Evidence, name: &str, from: At, to: At) -> bool {
    let says = |wish: &Wish| matches!(wish, Wish::Release { hostname, then: Then::Reuse } if hostname == name);
    let asks = &evidence.history.asks;
    asks.iter().any(|ask| says(&ask.wish) && ask.at >= from - INEXACT && ask.at <= to + INEXACT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::Story;

    fn handed_on() -> Story {
        let story = Story::default().vm(1, "a").claim(1, 1, "ada", 1000);
        story.released(1, 20_000, "returned").claim(2, 1, "bob", 30_000)
    }

    fn traced() -> Story {
        let story = Story::default().starts("a", "4/ada-1", "111111", &[], 1000);
        story.starts("a", "4/bob-1", "222222", &["111111.ada"], 30_000)
    }

    fn reuse() -> Wish {
        Wish::Release { hostname: "a".to_owned(), then: Then::Reuse }
    }

    #[test]
    fn a_row_that_is_handed_on_is_found() {
        assert_eq!(check(&handed_on().evidence()).len(), 1);
        let before_it_was_made = handed_on().makes("a", 500);
        assert_eq!(check(&before_it_was_made.evidence()).len(), 1);
    }

    #[test]
    fn one_that_was_made_anew_or_is_reused_is_right() {
        assert!(check(&handed_on().makes("a", 25_000).evidence()).is_empty());
        assert!(check(&handed_on().ask(reuse(), 19_000).evidence()).is_empty());
    }

    #[test]
    fn traces_of_somebody_else_are_found_and_ones_own_are_right() {
        assert_eq!(check(&traced().evidence()).len(), 1);
        assert!(check(&traced().ask(reuse(), 19_000).evidence()).is_empty());
        assert_eq!(check(&traced().ask(reuse(), 500_000).evidence()).len(), 1);
        let own = Story::default().starts("a", "4/ada-1", "111111", &[], 1000);
        let own = own.starts("a", "4/ada-2", "111111", &["111111.ada"], 2000);
        assert!(check(&own.evidence()).is_empty());
    }
}
