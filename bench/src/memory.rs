use std::time::Duration;

use anyhow::Result;

use crate::{
    allocator::Allocator,
    claims::Crowd,
    growth::pages,
    lab::BenchLab,
    logs,
    readers::Readers,
    report::{Bar, Report, Unit, Value},
};

/// What an allocator holds after it was busy: claims, every page of ten thousand VMs, log lines.
pub async fn measure(lab: &BenchLab, report: &mut Report) -> Result<()> {
    let allocator = Allocator::start(lab).await?;
    lab.fill_with_participants(10_000).await?;
    Crowd::of(200, 4_000).claim(&allocator).await?;
    let claimed = allocator.megabytes()?;
    for (_, path) in pages(10_000) {
        Readers { at_once: 8, seconds: 1.0 }.read(&allocator, &path, "").await?;
    }
    let shown = allocator.megabytes()?;
    logs::send_some(lab, &allocator).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let value = Value(allocator.megabytes()?, Unit::Megabytes);
    let note = format!("{claimed:.0} MB after the claims, {shown:.0} MB after the pages");
    report.add("memory after load", value, Some(Bar::AtMost(40.0)), &note);
    Ok(())
}
