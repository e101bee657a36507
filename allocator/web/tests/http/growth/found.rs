//! What was found, as a text for people.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt::Write,
};

use super::{
    judge::{For, Judge},
    plans::Planned,
    text,
};

/// What is wrong with statements.
#[derive(Default)]
pub struct Found {
    /// By statement.
    costly: BTreeMap<String, Costly>,
    /// Lines of `allowed.txt` that were needed.
    needed: HashSet<String>,
    /// Calls that did not do what they are for.
    pub failed: Vec<String>,
}

#[derive(Default)]
struct Costly {
    faults: BTreeSet<String>,
    /// For whom it ran.
    by: BTreeSet<String>,
}

impl Found {
    pub fn judge(&mut self, judge: &Judge, runs_for: For, by: &str, planned: &[Planned]) {
        for Planned { statement, plan } in planned {
            let faults = judge.faults(runs_for, plan);
            if faults.is_empty() {
                continue;
            }
            let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
            if let Some(part) = allowed().into_iter().find(|part| statement.contains(part.as_str()))
            {
                self.needed.insert(part);
                continue;
            }
            let costly = self.costly.entry(statement).or_default();
            costly.faults.extend(faults);
            costly.by.insert(by.to_owned());
        }
    }

    /// Empty: nothing is wrong.
    pub fn report(&self) -> String {
        let mut report = String::new();
        for (statement, Costly { faults, by }) in &self.costly {
            let faults: Vec<_> = faults.iter().map(String::as_str).collect();
            let by: Vec<_> = by.iter().map(String::as_str).collect();
            let _infallible = write!(
                report,
                "{statement}\n  costs more the more there is: it\n    {}\n  It runs for {}.\n\n",
                faults.join("\n    "),
                by.join(", ")
            );
        }
        for part in allowed().iter().filter(|part| !self.needed.contains(*part)) {
            let _infallible = writeln!(report, "No statement with {part:?} needs an exception.");
        }
        for failed in &self.failed {
            let _infallible = writeln!(report, "{failed}");
        }
        report
    }
}

/// Parts of statements that may cost more.
fn allowed() -> Vec<String> {
    let lines = text("allowed.txt");
    let parts = lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    parts.map(str::to_owned).collect()
}
