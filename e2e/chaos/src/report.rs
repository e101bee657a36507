//! What is printed, and what is kept in files.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
};

use anyhow::Result;

use crate::{
    check::{Evidence, Finding},
    history::Answered,
};

/// How many findings of one rule are printed. The file has all.
const PRINTED: usize = 12;

pub fn say(line: &str) {
    // Our output may have been closed.
    let _closed = writeln!(io::stdout(), "{line}");
}

pub fn print(evidence: &Evidence, findings: &[Finding]) {
    let history = &evidence.history;
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    for call in &history.calls {
        let kind = match &call.answer {
            Answered::Status { status, .. } => status.to_string(),
            Answered::Lost(why) => why.clone(),
        };
        *answers.entry(kind).or_default() += 1;
    }
    let mut faults: BTreeMap<&str, usize> = BTreeMap::new();
    for fault in &history.faults {
        *faults.entry(&fault.kind).or_default() += 1;
    }
    let mut operations: BTreeMap<String, usize> = BTreeMap::new();
    for operation in &evidence.facts.operations {
        *operations.entry(format!("{} {}", operation.kind, operation.state)).or_default() += 1;
    }
    say(&format!("calls: {} ({})", history.calls.len(), counts(&answers)));
    say(&format!("faults: {} ({})", history.faults.len(), counts(&faults)));
    say(&format!("operations: {} ({})", evidence.facts.operations.len(), counts(&operations)));
    say(&format!(
        "claims: {}, places in line: {}, commands started: {}, log lines: {}",
        evidence.facts.claims.len(),
        evidence.facts.places.len(),
        evidence.machines.starts.len(),
        evidence.facts.lines.len()
    ));
    let mut of_rule: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for finding in findings {
        of_rule.entry(finding.rule).or_default().push(&finding.what);
    }
    say(&format!("findings: {}", findings.len()));
    for (rule, found) in of_rule {
        say(&format!("  {rule}: {}", found.len()));
        for what in found.iter().take(PRINTED) {
            say(&format!("    {what}"));
        }
    }
}

fn counts<K: std::fmt::Display>(of: &BTreeMap<K, usize>) -> String {
    let each: Vec<String> = of.iter().map(|(name, count)| format!("{name}: {count}")).collect();
    each.join(", ")
}

/// Everything that the checker read, and what it found.
pub fn keep(evidence: &Evidence, findings: &[Finding], folder: &Path) -> Result<()> {
    fs::write(folder.join("evidence.json"), serde_json::to_vec(evidence)?)?;
    fs::write(folder.join("findings.json"), serde_json::to_vec_pretty(findings)?)?;
    Ok(())
}
