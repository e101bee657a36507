//! Every operation ends: at the end of the run all have, one whose worker died ends within 30 s,
//! and one that is cancelled ends soon.

use std::collections::BTreeSet;

use super::{Evidence, slack::INEXACT};
use crate::{
    clock::At,
    facts::Operation,
    history::{Fault, Hits, Why},
};

/// How long an operation may last after its worker's death, with the time to put things right.
const ORPHANED: At = 30_000 + 5000;
/// Terraform may take 30 s to stop, then it is killed; and then rows are put right.
const CANCELLED: At = 30_000 + 15_000;

pub fn check(evidence: &Evidence) -> Vec<String> {
    let mut found = Vec::new();
    for operation in &evidence.facts.operations {
        let about = format!("operation {} ({}, {})", operation.id, operation.kind, operation.state);
        let Some(finished) = operation.finished else {
            found.push(format!(
                "{about}, asked for at {}, has not ended though the world is quiet",
                evidence.t(operation.created)
            ));
            continue;
        };
        let died = deaths(evidence, operation).into_iter().filter(|at| *at < finished).max();
        let causes = [
            (died, ORPHANED, "its worker died"),
            (operation.cancel_requested, CANCELLED, "it was cancelled"),
        ];
        for (since, limit, why) in causes {
            let Some(since) = since else { continue };
            let due = due(evidence, operation, since, limit);
            if finished > due {
                found.push(format!(
                    "{about} ended {} s after {why} at {}, later than it should by {} s",
                    (finished - since) / 1000,
                    evidence.t(since),
                    (finished - due) / 1000
                ));
            }
        }
    }
    found
}

/// The allocators that were seen at work on it.
fn owners(evidence: &Evidence, operation: &Operation) -> BTreeSet<String> {
    let workers = evidence.history.workers.iter().filter(|it| it.operation == operation.id);
    workers.map(|worker| worker.owner.clone()).collect()
}

/// When allocators died that were at work on it.
fn deaths(evidence: &Evidence, operation: &Operation) -> Vec<At> {
    let owners = owners(evidence, operation);
    let is_owner = |pid: u32| owners.contains(&format!("process {pid}"));
    let exits = &evidence.history.exits;
    exits
        .iter()
        .filter(|it| it.why != Why::AskedToStop && is_owner(it.pid))
        .map(|it| it.at)
        .collect()
}

/// When it has to be over: later by every cause in between for which nobody could work on it.
fn due(evidence: &Evidence, operation: &Operation, since: At, limit: At) -> At {
    let owners = owners(evidence, operation);
    let exits = &evidence.history.exits;
    // Which allocators these processes were; one that runs to the end has its exit then.
    let numbers: BTreeSet<usize> = exits
        .iter()
        .filter(|exit| owners.contains(&format!("process {}", exit.pid)))
        .map(|exit| exit.allocator)
        .collect();
    let concerns = |fault: &Fault| match fault.hits {
        Hits::Everybody => true,
        Hits::Allocator(number) => numbers.contains(&number),
        Hits::Machine(_) | Hits::Operations => false,
    };
    let mut faults: Vec<&Fault> =
        evidence.history.faults.iter().filter(|it| concerns(it)).collect();
    faults.sort_by_key(|fault| fault.began);
    let mut from = since;
    for fault in faults {
        if fault.began <= from + limit && fault.ended > from {
            from = fault.ended;
        }
    }
    from + limit + INEXACT + evidence.history.waited(from, from + limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::Story;

    fn cancelled() -> Story {
        Story::default().vm(1, "a").operation(1, "launch", &["a"], 1000).cancelled(1, 5000)
    }

    #[test]
    fn an_operation_that_never_ends_is_found() {
        let story = Story::default().vm(1, "a").operation(1, "launch", &["a"], 1000);
        assert_eq!(check(&story.evidence()).len(), 1);
    }

    #[test]
    fn a_cancel_that_takes_effect_late_is_found() {
        assert!(check(&cancelled().finished(1, 20_000, "cancelled").evidence()).is_empty());
        assert_eq!(check(&cancelled().finished(1, 90_000, "cancelled").evidence()).len(), 1);
        let away = cancelled().fault(Hits::Everybody, 10_000, 60_000);
        assert!(check(&away.finished(1, 90_000, "cancelled").evidence()).is_empty());
    }

    #[test]
    fn an_orphan_that_ends_late_is_found() {
        let story = Story::default().vm(1, "a").operation(1, "launch", &["a"], 1000);
        let story = story.worker(1, 77, 2000).exit(0, 77, Why::Killed, 3000, None);
        assert!(check(&story.clone().finished(1, 30_000, "interrupted").evidence()).is_empty());
        assert_eq!(check(&story.clone().finished(1, 60_000, "interrupted").evidence()).len(), 1);
        let another = story.fault(Hits::Allocator(1), 4000, 40_000);
        assert_eq!(check(&another.finished(1, 60_000, "interrupted").evidence()).len(), 1);
    }
}
