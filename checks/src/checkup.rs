use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{Checked, Code, Finding, Report};

type Making = Pin<Box<dyn Future<Output = Finding> + Send>>;

/// Checks to be made, as often as one likes.
#[derive(Clone, Default)]
pub struct Checkup {
    checks: Vec<Check>,
}

#[derive(Clone)]
struct Check {
    code: Code,
    rests_on: Vec<Code>,
    make: Arc<dyn Fn() -> Making + Send + Sync>,
}

/// A check that has not ended by then counts as broken.
const DEADLINE: Duration = Duration::from_secs(20);

impl Checkup {
    /// Adds a check. It is made once those that it rests on are well; of these, codes that this
    /// checkup has not are taken for well.
    pub fn check<F: Future<Output = Finding> + Send + 'static>(
        &mut self,
        code: Code,
        rests_on: &[Code],
        make: impl Fn() -> F + Send + Sync + 'static,
    ) {
        let make = Arc::new(move || Box::pin(make()) as Making);
        self.checks.push(Check { code, rests_on: rests_on.to_vec(), make });
        self.checks.sort_by_key(|check| check.code);
    }

    /// Makes all checks, those that don't rest on each other at once.
    pub async fn run(&self) -> Report {
        let mut done: Vec<Checked> = Vec::new();
        let mut open = self.checks.clone();
        while !open.is_empty() {
            let waits = |check: &Check| {
                check
                    .rests_on
                    .iter()
                    .any(|on| *on < check.code && open.iter().any(|it| it.code == *on))
            };
            let (later, now): (Vec<Check>, Vec<Check>) = open.iter().cloned().partition(waits);
            let mut making = JoinSet::new();
            for check in now {
                let broken =
                    done.iter().find(|it| check.rests_on.contains(&it.code) && !it.is_well());
                match broken {
                    Some(it) => done.push(Checked {
                        code: check.code,
                        finding: Finding::skipped(format!("It rests on '{}'.", it.code)),
                    }),
                    None => {
                        making.spawn(make(check));
                    }
                }
            }
            done.extend(making.join_all().await);
            open = later;
        }
        done.sort_by_key(|checked| checked.code);
        Report { checks: done }
    }
}

async fn make(check: Check) -> Checked {
    let finding = tokio::time::timeout(DEADLINE, (check.make)()).await.unwrap_or_else(|_elapsed| {
        let seen = format!("There was no answer for {} s.", DEADLINE.as_secs());
        Finding::broken(seen, "Look at what it asks: its guide names it.")
    });
    Checked { code: check.code, finding }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(report: &Report) -> Vec<(Code, &'static str)> {
        report.checks.iter().map(|it| (it.code, it.finding.word())).collect()
    }

    #[tokio::test]
    async fn what_rests_on_a_broken_layer_is_not_looked_at() {
        let mut checkup = Checkup::default();
        checkup.check(Code::Tls, &[Code::Port], || async { panic!("not made") });
        checkup.check(Code::Port, &[Code::Name], || async { Finding::broken("closed", "open it") });
        checkup.check(Code::Disk, &[], || async { Finding::well("empty") });
        checkup.check(Code::Ready, &[Code::Tls], || async { panic!("not made") });
        let report = checkup.run().await;
        assert_eq!(
            codes(&report),
            [
                (Code::Port, "broken"),
                (Code::Tls, "skipped"),
                (Code::Ready, "skipped"),
                (Code::Disk, "well")
            ]
        );
        assert_eq!(report.first_broken().unwrap().code, Code::Port);
    }

    #[tokio::test]
    async fn a_warning_stands_in_nobodys_way() {
        let mut checkup = Checkup::default();
        checkup.check(Code::Tls, &[], || async { Finding::warning("ends soon", "renew") });
        checkup.check(Code::Ready, &[Code::Tls], || async { Finding::well("yes") });
        assert_eq!(codes(&checkup.run().await), [(Code::Tls, "warning"), (Code::Ready, "well")]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_is_broken() {
        let mut checkup = Checkup::default();
        checkup.check(Code::Terraform, &[], std::future::pending);
        let report = checkup.run().await;
        assert!(report.first_broken().unwrap().finding.seen().contains("no answer"));
    }
}
