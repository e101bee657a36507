use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{
    agents::{Agents, allow_connections},
    allocator::Allocator,
    claims::wish,
    lab::BenchLab,
    report::{Bar, Report, Unit, Value},
};

const WAITS: u32 = 10_000;

/// What ten thousand agents cost that wait for their claims.
pub async fn measure(lab: &BenchLab, report: &mut Report) -> Result<()> {
    allow_connections(WAITS.into())?;
    let allocator = Allocator::start(lab).await?;
    lab.fill(WAITS).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = allocator.megabytes()?;
    let mut agents = Agents::of_first(&allocator, WAITS).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = allocator.megabytes()?;
    let query = "select count(*) from pg_stat_activity where application_name = 'lablink-listener'";
    let listening: i64 = lab.connect().await?.query_one(query, &[]).await?.try_get(0)?;
    ensure!(listening == 1, "{listening} connections listen");
    // They do wait: who is claimed hears of it.
    allocator.connect().await?.post("/api/request_vm", "", &wish("first")).await?.good()?;
    agents.first().answer().await?.good()?;
    let each = Value((after - before) * 1000.0 / f64::from(WAITS), Unit::Kilobytes);
    report.add("10,000 parked waits, each", each, Some(Bar::AtMost(16.0)), "1 LISTEN connection");
    Ok(())
}
