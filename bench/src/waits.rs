use std::time::Duration;

use anyhow::{Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::{claims, handover, lab::Lab, process, report::Report};

const WAITS: u32 = 10_000;

/// What ten thousand agents cost that wait for their claims.
pub async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(most > u64::from(WAITS) + 500, "at most {most} files may be open: see ulimit -Hn");
    // The allocator inherits it.
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let allocator = lab.allocator().await?;
    lab.fill(WAITS).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = process::resident(allocator.pid())?;
    let mut agents = Vec::new();
    for number in 1..=WAITS {
        agents.push(handover::waiting(&allocator, &format!("lablink-vm-dev-{number}")).await?);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = process::resident(allocator.pid())?;
    let query = "select count(*) from pg_stat_activity where application_name = 'lablink-listener'";
    let listening: i64 = lab.connect().await?.query_one(query, &[]).await?.try_get(0)?;
    // They do wait: who is claimed hears of it.
    let wish = claims::wish(0);
    allocator.connect().await?.post("/api/request_vm", "", &wish).await?.json()?;
    agents[0].answer().await?.json()?;
    let each = (after.saturating_sub(before)) as f64 / f64::from(WAITS) / 1e3;
    let measured = format!("{each:.1} KB each, {listening} LISTEN connection");
    let met = each < 25.0 && listening == 1;
    report.add("10,000 parked waits", "< 25 KB each, 1 LISTEN connection", measured, met);
    drop(agents);
    Ok(())
}
