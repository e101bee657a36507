use std::{io::Write, time::Duration};

use anyhow::Result;

/// The table that a run ends with.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    bar: String,
    measured: String,
    met: bool,
}

impl Report {
    pub fn add(&mut self, what: &str, bar: &str, measured: String, met: bool) {
        eprintln!("  {what}: {measured} (bar: {bar})");
        let (what, bar) = (what.to_owned(), bar.to_owned());
        self.rows.push(Row { what, bar, measured, met });
    }

    /// As Markdown, on standard output.
    pub fn print(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "| what | bar | measured | |\n| --- | --- | --- | --- |")?;
        for Row { what, bar, measured, met } in &self.rows {
            let verdict = if *met { "met" } else { "MISSED" };
            writeln!(out, "| {what} | {bar} | {measured} | {verdict} |")?;
        }
        Ok(())
    }
}

/// The value below which `share` of all lie, which must not be none.
pub fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let last = times.len() - 1;
    times[(last as f64 * share).round() as usize]
}

pub fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
