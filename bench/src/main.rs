//! Measures the built allocator against the project's bars, each as a ratio or a time of the same
//! run, on a Postgres server of its own. `make bench` prints the table; nothing fails by being
//! slow, as other programs run on the same machine.
//!
//! With arguments, only the parts that they name: `start claims handover waits logs pages
//! heartbeats`.

mod allocator;
mod claims;
mod connection;
mod handover;
mod heartbeats;
mod lab;
mod logs;
mod pages;
mod process;
mod report;
mod start;
mod waits;

use anyhow::{Result, bail};

use crate::{lab::Lab, report::Report};

const PARTS: [&str; 7] = ["start", "claims", "handover", "waits", "logs", "pages", "heartbeats"];

#[tokio::main]
async fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|it| !PARTS.contains(&it.as_str())) {
        bail!("there is no part '{unknown}': name some of {PARTS:?}, or none for all");
    }
    let lab = Lab::open().await?;
    let mut report = Report::default();
    for part in PARTS.into_iter().filter(|it| wanted.is_empty() || wanted.iter().any(|w| w == it)) {
        eprintln!("measuring: {part}");
        match part {
            "start" => start::measure(&lab, &mut report).await?,
            "claims" => claims::measure(&lab, &mut report).await?,
            "handover" => handover::measure(&lab, &mut report).await?,
            "waits" => waits::measure(&lab, &mut report).await?,
            "logs" => logs::measure(&lab, &mut report).await?,
            "pages" => pages::measure(&lab, &mut report).await?,
            _ => heartbeats::measure(&lab, &mut report).await?,
        }
    }
    lab.close().await?;
    report.print()
}
