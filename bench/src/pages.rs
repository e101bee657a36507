use anyhow::Result;

use crate::{
    allocator::Allocator,
    lab::BenchLab,
    readers::Readers,
    report::{Bar, Report, Unit, Value},
    stats::{milliseconds, quantile},
};

/// The organiser's page of all VMs.
pub async fn measure(lab: &BenchLab, report: &mut Report) -> Result<()> {
    let allocator = Allocator::start(lab).await?;
    for vms in [1_000, 10_000] {
        lab.fill(vms).await?;
        let readers = Readers { at_once: 8, seconds: 4.0 };
        let mut read = readers.read(&allocator, "/admin/instances", "").await?;
        let middle = milliseconds(quantile(&mut read.times, 0.5));
        let note = format!("8 readers, median {middle:.1} ms, {} KB", read.bytes / 1000);
        let what = format!("instances page, {vms} VMs");
        report.add(&what, Value(read.rate, Unit::PerSecond), Some(Bar::AtLeast(300.0)), &note);
    }
    Ok(())
}
