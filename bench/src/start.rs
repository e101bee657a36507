use std::time::Duration;

use anyhow::Result;

use crate::{
    lab::Lab,
    process,
    report::{Report, milliseconds, quantile},
};

const TIMES: usize = 11;

/// From the start of the process to its first answer, and its memory when idle.
pub async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    // The first one makes the tables.
    drop(lab.allocator().await?);
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        times.push(lab.allocator().await?.started_in);
    }
    let median = quantile(&mut times, 0.5);
    let met = median <= Duration::from_millis(200);
    report.add("start to ready, median", "≤ 200 ms", milliseconds(median), met);

    lab.fill(20).await?;
    let allocator = lab.allocator().await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let megabytes = process::resident(allocator.pid())? as f64 / 1e6;
    report.add("idle memory", "≤ 30 MB", format!("{megabytes:.1} MB"), megabytes <= 30.0);
    Ok(())
}
