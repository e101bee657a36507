use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{participants::Fared, world::Measured};

/// What one attack cost, and whom.
pub struct Row {
    what: String,
    honest: Fared,
    pub peak_memory: u64,
    database: i64,
    events: i64,
    let_through: u64,
    refused: u64,
}

impl Row {
    pub fn new(
        what: &str,
        honest: Fared,
        before: Measured,
        after: Measured,
        [let_through, refused]: [u64; 2],
    ) -> Result<Self> {
        ensure!(!honest.claims.is_empty() || !honest.refused.is_empty(), "nobody came");
        Ok(Self {
            what: what.to_owned(),
            honest,
            peak_memory: after.peak_memory,
            database: after.database - before.database,
            events: after.events - before.events,
            let_through,
            refused,
        })
    }

    pub fn print_head() {
        eprintln!(
            "| attack | form, median / p99 / longest, ms | claim, likewise | honest answered / not \
             | peak memory, MB | database, MB more | its events | its requests taken / refused |"
        );
        eprintln!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    }

    pub fn print(&self) {
        let answered = self.honest.pages.len() + self.honest.claims.len();
        eprintln!(
            "| {} | {} | {} | {answered} / {} | {} | {:.1} | {} | {} / {} |",
            self.what,
            spread(&self.honest.pages),
            spread(&self.honest.claims),
            self.honest.refused.len(),
            self.peak_memory / 1_000_000,
            self.database as f64 / 1e6,
            self.events,
            self.let_through,
            self.refused,
        );
        for refused in self.honest.refused.iter().take(3) {
            eprintln!("  {refused}");
        }
    }

    pub fn ensure_that_nobody_was_refused(&self) -> Result<()> {
        let refused = &self.honest.refused;
        ensure!(refused.is_empty(), "{} honest requests failed: {refused:#?}", refused.len());
        Ok(())
    }
}

fn spread(times: &[Duration]) -> String {
    let at =
        |share: usize| times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
    let [median, p99, longest] =
        [50, 99, 100].map(|share| at(share).map_or(0, Duration::as_millis));
    format!("{median} / {p99} / {longest}")
}
