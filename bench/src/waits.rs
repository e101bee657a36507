use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::{allocator::Allocator, claims, handover, lab::Lab, process, report::Report};

const WAITS: u32 = 10_000;
/// So many come before the next ones: in one instant they would queue for the database.
const AT_ONCE: u32 = 200;
const PATIENCE: Duration = Duration::from_secs(30);

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
        if number % AT_ONCE == 0 {
            let settled = settle(&allocator, number);
            tokio::time::timeout(PATIENCE, settled).await.context("not all agents wait")??;
        }
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
    let met = each < 16.0 && listening == 1;
    report.add("10,000 parked waits", "< 16 KB each, 1 LISTEN connection", measured, met);
    drop(agents);
    Ok(())
}

/// Until the allocator says that so many wait.
async fn settle(allocator: &Allocator, agents: u32) -> Result<()> {
    loop {
        let metrics = allocator.connect().await?.get("/metrics", "").await?.body;
        let metrics = String::from_utf8(metrics)?;
        let line = metrics.lines().find_map(|line| line.strip_prefix("lablink_waiters "));
        if line.context("no lablink_waiters in /metrics")?.parse::<u32>()? >= agents {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
