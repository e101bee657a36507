//! A command can be used once, so it is started once: as often as it was given, and no more.

use std::collections::BTreeMap;

use super::Evidence;
use crate::{
    clock::At,
    history::{Hits, Wish},
    world::Start,
};

/// An agent that is ended while it waits for the outcome of a start can't know of it, and starts
/// again: it takes so long at most to know and to write it down.
const UNKNOWN: At = 8000;

pub fn check(evidence: &Evidence) -> Vec<String> {
    let mut by_command: BTreeMap<(&str, &str), Vec<&Start>> = BTreeMap::new();
    for start in &evidence.machines.starts {
        by_command.entry((&start.pin, &start.code)).or_default().push(start);
    }
    let mut found = Vec::new();
    for ((_, code), mut starts) in by_command {
        starts.sort_by_key(|start| start.at);
        let repeated = starts.windows(2).filter(|pair| !was_cut_off(evidence, pair[0], pair[1]));
        if repeated.count() >= given(evidence, code) {
            let places: Vec<String> = starts
                .iter()
                .map(|start| format!("{} at {}", start.hostname, evidence.t(start.at)))
                .collect();
            found.push(format!(
                "command {code} was started {} times: {}",
                starts.len(),
                places.join(", ")
            ));
        }
    }
    found
}

/// How often it was given: with the claim, or later. Each time it is a command of its own.
fn given(evidence: &Evidence, code: &str) -> usize {
    let is_this = |wish: &Wish| matches!(wish, Wish::Command { code: given } if given == code);
    evidence.history.asks.iter().filter(|ask| is_this(&ask.wish)).count().max(1)
}

/// Whether the agent was ended before it could know how the first start went.
fn was_cut_off(evidence: &Evidence, first: &Start, second: &Start) -> bool {
    let in_time = |at: At| at >= first.at - 1000 && at <= (first.at + UNKNOWN).min(second.at);
    let history = &evidence.history;
    let killed = history
        .faults
        .iter()
        .any(|fault| fault.hits == Hits::Machine(first.hostname.clone()) && in_time(fault.began));
    let reboots =
        |wish: &Wish| matches!(wish, Wish::Reboot { hostname } if *hostname == first.hostname);
    first.hostname == second.hostname
        && (killed || history.asks.iter().any(|ask| reboots(&ask.wish) && in_time(ask.at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::Story;

    fn twice() -> Story {
        let story = Story::default().starts("a", "4/ada-1", "111111", &[], 1000);
        story.starts("a", "4/ada-1", "111111", &["111111.ada"], 9000)
    }

    #[test]
    fn commands_that_are_started_once_are_right() {
        let story = Story::default().starts("a", "4/ada-1", "111111", &[], 1000);
        let story = story.starts("a", "4/ada-2", "111111", &["111111.ada"], 2000);
        assert!(check(&story.evidence()).is_empty());
    }

    #[test]
    fn a_command_that_is_started_twice_is_found() {
        assert_eq!(check(&twice().evidence()).len(), 1);
        let once_given = Wish::Command { code: "4/ada-1".to_owned() };
        assert_eq!(check(&twice().ask(once_given, 500).evidence()).len(), 1);
    }

    #[test]
    fn a_command_that_was_given_twice_may_be_started_twice() {
        let given = || Wish::Command { code: "4/ada-1".to_owned() };
        assert!(check(&twice().ask(given(), 500).ask(given(), 600).evidence()).is_empty());
    }

    #[test]
    fn an_agent_that_was_killed_at_once_may_start_it_again_and_a_later_one_may_not() {
        let hit = || Hits::Machine("a".to_owned());
        assert!(check(&twice().fault(hit(), 1500, 3000).evidence()).is_empty());
        let late = Story::default().starts("a", "4/ada-1", "111111", &[], 1000);
        let late = late.starts("a", "4/ada-1", "111111", &[], 90_000).fault(hit(), 60_000, 61_000);
        assert_eq!(check(&late.evidence()).len(), 1);
    }
}
