//! An allocator serves within 5 s of the end of what kept it from that, and goes on doing so; one
//! that is asked to stop does, with exit status 0.

use super::{Evidence, slack::INEXACT};
use crate::{
    clock::At,
    history::{Hits, Probe, Why},
};

const BACK: At = 5000;
/// One good answer in between does not make two stretches of one.
const ONE_STRETCH: At = 10_000;
/// Draining takes 10 s at most, Terraform 8 s.
const STOP: At = 30_000;

pub fn check(evidence: &Evidence) -> Vec<String> {
    let history = &evidence.history;
    let mut found = Vec::new();
    let mut numbers: Vec<usize> = history.probes.iter().map(|probe| probe.allocator).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        found.extend(of_one(evidence, number));
    }
    for exit in &history.exits {
        let code = exit.code.map_or("a signal".to_owned(), |code| format!("status {code}"));
        let (number, at) = (exit.allocator, evidence.t(exit.at));
        match exit.why {
            Why::Killed => {}
            Why::ByItself => {
                found.push(format!("allocator {number} ended by itself at {at}, with {code}"))
            }
            Why::AskedToStop if exit.code != Some(0) => {
                found.push(format!("allocator {number}, asked to stop, ended at {at} with {code}"));
            }
            Why::AskedToStop => {
                let allowed = STOP + history.waited(exit.at - exit.took, exit.at);
                if exit.took > allowed {
                    found.push(format!(
                        "allocator {number} took {} ms to stop, until {at}",
                        exit.took
                    ));
                }
            }
        }
    }
    found
}

/// Stretches in which it did not answer well, though nothing had been in its way for long enough.
fn of_one(evidence: &Evidence, number: usize) -> Vec<String> {
    let history = &evidence.history;
    // From its beginning to the moment from which it has to serve again.
    let mut excused: Vec<(At, At)> = history
        .faults
        .iter()
        .filter(|fault| match fault.hits {
            Hits::Everybody => true,
            Hits::Allocator(hit) => hit == number,
            Hits::Machine(_) | Hits::Operations => false,
        })
        .map(|fault| {
            let back = fault.ended + BACK + INEXACT;
            (fault.began - INEXACT, back + history.waited(fault.ended, back))
        })
        .collect();
    excused.sort_unstable();
    let is_excused = |probe: &Probe| {
        excused.iter().any(|(from, to)| probe.at + probe.took >= *from && probe.at <= *to)
    };
    let mut stretches: Vec<Stretch<'_>> = Vec::new();
    let of_this = history.probes.iter().filter(|probe| probe.allocator == number);
    for probe in of_this.filter(|probe| probe.status != Some(200) && !is_excused(probe)) {
        let to = probe.at + probe.took;
        match stretches.last_mut() {
            Some(stretch) if probe.at <= stretch.to + ONE_STRETCH => stretch.to = to,
            _ => stretches.push(Stretch { from: probe.at, to, first: probe }),
        }
    }
    stretches.iter().map(|stretch| told(evidence, number, stretch)).collect()
}

/// A time without good answers.
struct Stretch<'a> {
    from: At,
    to: At,
    first: &'a Probe,
}

fn told(evidence: &Evidence, number: usize, Stretch { from, to, first }: &Stretch<'_>) -> String {
    let faults = evidence.history.faults.iter();
    let before = faults.filter(|fault| {
        let hit = fault.hits == Hits::Everybody || fault.hits == Hits::Allocator(number);
        hit && fault.ended <= *from
    });
    let last = before.max_by_key(|fault| fault.ended).map_or("nothing".to_owned(), |fault| {
        format!("{} until {}", fault.kind, evidence.t(fault.ended))
    });
    let status = first.status.map_or("no answer".to_owned(), |status| status.to_string());
    format!(
        "allocator {number} did not serve from {} to {} ({} {status}); last in its way: {last}",
        evidence.t(*from),
        evidence.t(*to),
        first.path
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::Story;

    fn stopped() -> Story {
        Story::default().fault(Hits::Allocator(0), 10_000, 20_000)
    }

    #[test]
    fn who_is_back_in_time_is_right() {
        let story = stopped().probe(0, 5000, Some(200)).probe(0, 12_000, None);
        let story = story.probe(0, 24_000, Some(503)).probe(0, 30_000, Some(200));
        assert!(check(&story.evidence()).is_empty());
    }

    #[test]
    fn who_is_back_late_or_away_without_a_cause_is_found_once_each() {
        let late = stopped().probe(0, 28_000, Some(503)).probe(0, 29_000, None);
        assert_eq!(check(&late.evidence()).len(), 1);
        assert_eq!(check(&stopped().probe(1, 12_000, None).evidence()).len(), 1);
        let twice = Story::default().probe(0, 1000, None).probe(0, 2000, Some(200));
        let soon = twice.clone().probe(0, 3000, None);
        assert_eq!(check(&soon.evidence()).len(), 1);
        assert_eq!(check(&twice.probe(0, 30_000, None).evidence()).len(), 2);
    }

    #[test]
    fn scarce_processors_excuse_what_is_late() {
        let story = stopped().pressure(0, 0).pressure(20_000, 0).pressure(26_000, 6000);
        assert!(check(&story.probe(0, 28_000, Some(503)).evidence()).is_empty());
    }

    #[test]
    fn stops_that_fail_or_take_long_and_ends_by_themselves_are_found() {
        let stop = |code, took| {
            let mut evidence =
                Story::default().exit(0, 7, Why::AskedToStop, 90_000, code).evidence();
            evidence.history.exits[0].took = took;
            check(&evidence).len()
        };
        assert_eq!((stop(Some(0), 9000), stop(Some(1), 9000), stop(None, 60_000)), (0, 1, 1));
        assert_eq!(stop(Some(0), 50_000), 1);
        let by_itself = Story::default().exit(0, 7, Why::ByItself, 9, Some(1));
        assert_eq!(check(&by_itself.evidence()).len(), 1);
        let killed = Story::default().exit(0, 7, Why::Killed, 9, None);
        assert!(check(&killed.evidence()).is_empty());
    }
}
