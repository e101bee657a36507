//! What is left of an operation's wish when its turn comes.

use std::collections::BTreeSet;

use lablink_core::{
    operations::{LogLevel, Stage, Standing, Step, Target},
    worker::{Attempt, Ended},
};
use lablink_protocol::Hostname;

use super::{change::Change, run::Ran};

/// The VMs that an operation works on, and those that it leaves alone.
pub(super) struct Work {
    pub hostnames: Vec<Hostname>,
    /// Each with the text of its step.
    left_out: Vec<Step>,
    /// What failed in an earlier attempt for a reason that does not pass.
    failed: Vec<Step>,
}

/// The VMs that the change names and that earlier attempts have not come to an end with.
pub(super) fn still_named(change: &Change, earlier: &[Step]) -> BTreeSet<Hostname> {
    let over = |name: &&Hostname| earlier.iter().any(|it| it.hostname == **name && is_over(it));
    change.hostnames().iter().filter(|name| !over(name)).cloned().collect()
}

fn is_over(step: &Step) -> bool {
    matches!(step.stage, Stage::Done | Stage::Failed)
}

impl Work {
    /// `earlier`: how far earlier attempts came.
    pub fn of(change: &Change, targets: &[Target], earlier: &[Step]) -> Self {
        let (mut hostnames, mut left_out) = (Vec::new(), Vec::new());
        let mut failed = Vec::new();
        for Target { hostname, standing, .. } in targets {
            let step = earlier.iter().find(|it| it.hostname == *hostname && is_over(it));
            if let Some(step) = step {
                failed.extend((step.stage == Stage::Failed).then(|| step.clone()));
                continue;
            }
            let (stage, why) = match (standing, change) {
                (Standing::Included | Standing::Replaced, _) => {
                    hostnames.push(hostname.clone());
                    continue;
                }
                (Standing::Gone, Change::Destroy(_)) => (Stage::Done, "It was gone already."),
                (Standing::Gone, Change::Launch(_) | Change::Replace(_)) => {
                    (Stage::Unfinished, "It was removed before its turn came.")
                }
                (Standing::LeftOut(why), _) => (Stage::Unfinished, why.as_str()),
            };
            let step = Step::waiting(hostname.clone());
            left_out.push(Step { stage, detail: Some(why.to_owned()), ..step });
        }
        // A name that was given anew belongs to the machine that is there.
        left_out.retain(|step| !hostnames.contains(&step.hostname));
        Self { hostnames, left_out, failed }
    }

    /// Adds what was left out to the end of a run. A run that did less than was asked for has failed.
    pub fn tell(self, attempt: &mut Attempt<Ran>) {
        let unfinished = self.left_out.iter().filter(|step| step.stage == Stage::Unfinished);
        let (missed, failed) = (named(unfinished), named(self.failed.iter()));
        for step in self.left_out {
            let detail = step.detail.as_deref().unwrap_or("");
            attempt
                .left
                .progress
                .log(LogLevel::Warn, &format!("{} is left out: {detail}", step.hostname));
            attempt.left.progress.add(step);
        }
        if !matches!(attempt.ended, Ended::Succeeded) {
            return;
        }
        if !failed.is_empty() {
            attempt.ended = Ended::failed(format!("Failed in an earlier attempt: {failed}."));
        } else if !missed.is_empty() {
            attempt.ended =
                Ended::failed(format!("Left out, and nothing was done to it: {missed}."));
        }
    }
}

/// Each with its reason.
fn named<'a>(steps: impl Iterator<Item = &'a Step>) -> String {
    let text =
        |step: &Step| format!("{} ({})", step.hostname, step.detail.as_deref().unwrap_or_default());
    steps.map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str, standing: Standing) -> Target {
        Target { hostname: name.parse().unwrap(), vm_id: 1.into(), standing }
    }

    #[test]
    fn what_is_left_out_is_told_and_is_no_success() {
        let claimed = Standing::LeftOut("Somebody has it.".to_owned());
        let targets =
            [target("a", Standing::Included), target("b", Standing::Gone), target("c", claimed)];
        let ended = |change: &Change| {
            let work = Work::of(change, &targets, &[]);
            assert_eq!(work.hostnames.len(), 1);
            let mut ran = Attempt::from(Ended::Succeeded);
            work.tell(&mut ran);
            match ran.ended {
                Ended::Failed { reason, .. } => reason,
                other => panic!("{other:?}"),
            }
        };
        let destroyed = ended(&Change::Destroy(Vec::new()));
        assert!(destroyed.contains("c (Somebody") && !destroyed.contains("b ("), "{destroyed}");
        assert!(ended(&Change::Launch(Vec::new())).contains("b (It was removed"));
    }

    #[test]
    fn a_destroy_of_what_is_gone_has_nothing_left_to_do() {
        let work = Work::of(&Change::Destroy(Vec::new()), &[target("a", Standing::Gone)], &[]);
        let mut ran = Attempt::from(Ended::Succeeded);
        assert!(work.hostnames.is_empty());
        work.tell(&mut ran);
        assert!(matches!(ran.ended, Ended::Succeeded));
    }

    #[test]
    fn what_earlier_attempts_have_ended_is_not_begun_again() {
        let targets = ["a", "b", "c"].map(|name| target(name, Standing::Included));
        let step = |name: &str, stage| Step {
            stage,
            detail: Some("No.".to_owned()),
            ..Step::waiting(name.parse().unwrap())
        };
        let earlier = [step("a", Stage::Done), step("b", Stage::Failed), step("c", Stage::Waiting)];
        let names = targets.iter().map(|it| it.hostname.clone()).collect();
        let change = Change::Launch(names);
        assert_eq!(still_named(&change, &earlier).len(), 1);
        let work = Work::of(&change, &targets, &earlier);
        assert_eq!(work.hostnames, [targets[2].hostname.clone()]);
        let mut ran = Attempt::from(Ended::Succeeded);
        work.tell(&mut ran);
        let Ended::Failed { reason, .. } = ran.ended else { panic!("b has failed") };
        assert!(reason.contains("b (No.)") && !reason.contains("a ("), "{reason}");
    }
}
