//! Nothing that a state forgets destroys a machine: one that worked goes, or is made anew, only
//! while an operation is about it, or when its row is gone. And none is made that no row wants.

use super::{Evidence, slack::INEXACT};
use crate::{clock::At, facts::Vm, history::Wish, world::VmCall};

/// What an operation had begun is ended a little after it.
const AFTERWARDS: At = 5000;

/// A reboot stops the VM before it starts it, and both may have to wait.
const REBOOT: At = 20_000;

pub fn check(evidence: &Evidence) -> Vec<String> {
    let mut found = Vec::new();
    for call in &evidence.machines.calls {
        let allowed = is_named(evidence, call) || is_rebooted_before_use(evidence, call);
        if call.ends_machine() && !allowed && has_row(evidence, call, INEXACT) {
            let marks = if call.marks.is_empty() { "nobody's traces" } else { "traces of a claim" };
            found.push(format!(
                "{} was ended by '{}' at {} with {marks} on it, and no operation was about it",
                call.hostname,
                call.verb,
                evidence.t(call.at)
            ));
        }
        if call.makes_machine() && !has_row(evidence, call, 0) {
            found.push(format!(
                "{} was made at {}, and no row wanted it",
                call.hostname,
                evidence.t(call.at)
            ));
        }
    }
    let without_credentials = |call: &&VmCall| call.makes_machine() && !call.token;
    found.extend(evidence.machines.calls.iter().filter(without_credentials).map(|call| {
        format!("{} was made at {} without credentials", call.hostname, evidence.t(call.at))
    }));
    found.extend(left_over(evidence));
    found
}

fn is_named(evidence: &Evidence, call: &VmCall) -> bool {
    evidence.facts.operations.iter().any(|operation| {
        let may = match operation.kind.as_str() {
            "destroy" | "replace" => true,
            // One in error is made anew.
            "launch" => call.verb == "start",
            _ => false,
        };
        may && operation.hostnames.contains(&call.hostname)
            && operation.created <= call.at + INEXACT
            && operation.finished.is_none_or(|finished| finished >= call.at - AFTERWARDS)
    })
}

/// A reboot starts a VM whose agent never used its credential as a new machine: nothing is lost
/// where nobody was.
fn is_rebooted_before_use(evidence: &Evidence, call: &VmCall) -> bool {
    let is_its =
        |wish: &Wish| matches!(wish, Wish::Reboot { hostname } if *hostname == call.hostname);
    call.verb == "start"
        && call.marks.is_empty()
        && evidence.history.asks.iter().any(|ask| {
            is_its(&ask.wish) && ask.at <= call.at + INEXACT && ask.at >= call.at - REBOOT
        })
}

/// Whether a row of this name was there at the call, and until so long after it.
fn has_row(evidence: &Evidence, call: &VmCall, until: At) -> bool {
    evidence.facts.vms.iter().any(|vm| {
        vm.hostname == call.hostname
            && vm.created <= call.at + INEXACT
            && vm.removed.is_none_or(|removed| removed > call.at + until)
    })
}

/// At the end, rows and machines are the same.
fn left_over(evidence: &Evidence) -> Vec<String> {
    let present = |vm: &&Vm| vm.removed.is_none() && vm.source == "local";
    let rows: Vec<&Vm> = evidence.facts.vms.iter().filter(present).collect();
    let folders = &evidence.machines.folders;
    let unwanted = folders.iter().filter(|it| !rows.iter().any(|vm| vm.hostname == it.hostname));
    let missing = rows.iter().filter(|vm| {
        vm.status == "running" && !folders.iter().any(|it| it.hostname == vm.hostname)
    });
    unwanted
        .map(|it| format!("{} is there at the end, and no row wants it", it.hostname))
        .chain(
            missing.map(|vm| {
                format!("{} runs, says its row, and there is no such machine", vm.hostname)
            }),
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::Story;

    #[test]
    fn a_machine_that_an_operation_names_may_go() {
        let story = Story::default().vm(1, "a").operation(1, "destroy", &["a"], 10_000);
        let story = story.removes("a", 12_000).finished(1, 13_000, "succeeded").removed(1, 13_000);
        assert!(check(&story.evidence()).is_empty());
    }

    #[test]
    fn a_machine_that_goes_by_itself_is_found() {
        let story = Story::default().vm(1, "a").removes("a", 12_000).folder("a", &[]);
        assert_eq!(check(&story.clone().evidence()).len(), 1);
        let other = story.clone().operation(1, "launch", &["b"], 10_000);
        assert_eq!(check(&other.evidence()).len(), 1);
        let long_ago = story.operation(1, "destroy", &["a"], 1000).finished(1, 2000, "failed");
        assert_eq!(check(&long_ago.evidence()).len(), 1);
    }

    #[test]
    fn a_machine_that_is_wiped_is_found() {
        let story = Story::default().vm(1, "a").folder("a", &[]).wipes("a", 12_000);
        assert_eq!(check(&story.clone().evidence()).len(), 1);
        assert!(check(&story.operation(1, "launch", &["a"], 11_000).evidence()).is_empty());
    }

    #[test]
    fn a_reboot_may_start_an_unused_machine_anew_and_no_other() {
        let reboot = |hostname: &str| Wish::Reboot { hostname: hostname.to_owned() };
        let story = Story::default().vm(1, "a").folder("a", &[]).wipes("a", 12_000);
        assert!(check(&story.clone().ask(reboot("a"), 11_000).evidence()).is_empty());
        let mut used = story.clone().ask(reboot("a"), 11_000).evidence();
        used.machines.calls[0].marks = vec!["111111.ada".to_owned()];
        assert_eq!(check(&used).len(), 1, "somebody's work was on it");
        assert_eq!(check(&story.clone().ask(reboot("b"), 11_000).evidence()).len(), 1);
        assert_eq!(check(&story.clone().ask(reboot("a"), 80_000).evidence()).len(), 1);
        assert_eq!(check(&story.ask(reboot("a"), -30_000).evidence()).len(), 1, "long ago");
        let removed = Story::default().vm(1, "a").folder("a", &[]).removes("a", 12_000);
        assert_eq!(check(&removed.ask(reboot("a"), 11_000).evidence()).len(), 1);
    }

    #[test]
    fn a_machine_that_no_row_wants_is_found() {
        let story = Story::default().vm(1, "a").removed(1, 2000).makes("a", 12_000);
        assert_eq!(check(&story.evidence()).len(), 1);
        assert!(
            check(&Story::default().vm(1, "a").folder("a", &[]).makes("a", 9).evidence())
                .is_empty()
        );
    }

    #[test]
    fn a_machine_without_credentials_is_found() {
        let mut evidence = Story::default().vm(1, "a").folder("a", &[]).makes("a", 9).evidence();
        evidence.machines.calls[0].token = false;
        assert_eq!(check(&evidence).len(), 1);
        evidence.machines.calls[0].given = false;
        assert!(check(&evidence).is_empty(), "it only starts what is there, and nothing is");
    }

    #[test]
    fn rows_and_machines_that_differ_at_the_end_are_found() {
        assert_eq!(check(&Story::default().folder("a", &[]).evidence()).len(), 1);
        assert_eq!(check(&Story::default().vm(1, "a").evidence()).len(), 1);
    }
}
