use std::time::Duration;

use anyhow::Result;

use crate::{
    allocator::Allocator,
    lab::BenchLab,
    report::{Bar, Report, Unit, Value},
    stats::{milliseconds, quantile},
};

const TIMES: usize = 11;

/// From the start of the process to its first answer, with a database that is up to date and has
/// machines in it, and its memory when idle.
pub async fn measure(lab: &BenchLab, report: &mut Report) -> Result<()> {
    // The first one makes the tables.
    drop(Allocator::start(lab).await?);
    lab.fill_with_participants(10_000).await?;
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        times.push(Allocator::start(lab).await?.started_in);
    }
    let middle = Value(milliseconds(quantile(&mut times, 0.5)), Unit::Milliseconds);
    let note =
        format!("10,000 VMs, median; slowest {:.0} ms", milliseconds(quantile(&mut times, 1.0)));
    report.add("start to ready", middle, Some(Bar::AtMost(200.0)), &note);

    lab.fill(20).await?;
    let allocator = Allocator::start(lab).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let idle = Value(allocator.megabytes()?, Unit::Megabytes);
    report.add("idle memory", idle, Some(Bar::AtMost(30.0)), "");
    Ok(())
}
