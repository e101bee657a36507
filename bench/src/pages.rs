use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::{
    allocator::Allocator,
    lab::Lab,
    report::{Report, milliseconds, quantile},
};

const READERS: u32 = 8;
const LONG: Duration = Duration::from_secs(5);

/// The organiser's page of all VMs.
pub async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let allocator = lab.allocator().await?;
    for (vms, bar) in [(1_000, Some(300.0)), (10_000, None)] {
        lab.fill(vms).await?;
        let (rate, mut times, size) = read(&allocator).await?;
        let middle = quantile(&mut times, 0.5);
        let measured = format!(
            "{rate:.0}/s, median {} with {READERS} readers, {} KB",
            milliseconds(middle),
            size / 1000
        );
        let what = format!("instances page, {vms} VMs");
        match bar {
            Some(bar) => report.add(&what, "≥ 300/s", measured, rate >= bar),
            None => report.add(&what, "usable: under 1 s", measured, middle.as_secs() == 0),
        }
    }
    Ok(())
}

/// Pages per second, what each took, and the bytes of one.
async fn read(allocator: &Allocator) -> Result<(f64, Vec<Duration>, usize)> {
    let mut readers = JoinSet::new();
    let start = Instant::now();
    for _ in 0..READERS {
        let mut connection = allocator.connect().await?;
        let headers = format!("{}Accept: text/html\r\n", Allocator::admin());
        readers.spawn(async move {
            let (mut times, mut size) = (Vec::new(), 0);
            while start.elapsed() < LONG {
                let asked = Instant::now();
                let answer = connection.get("/admin/instances", &headers).await?;
                ensure!(answer.status == 200, "answered with {}", answer.status);
                times.push(asked.elapsed());
                size = answer.body.len();
            }
            Ok((times, size))
        });
    }
    let (mut times, mut size) = (Vec::new(), 0);
    while let Some(read) = readers.join_next().await {
        let (some, bytes) = read??;
        times.extend(some);
        size = bytes;
    }
    Ok((times.len() as f64 / start.elapsed().as_secs_f64(), times, size))
}
