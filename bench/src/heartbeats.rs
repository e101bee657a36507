use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::time::MissedTickBehavior;

use crate::{lab::Lab, process, report::Report};

const AGENTS: u32 = 2_000;
const EVERY: u32 = 20;

/// What the heartbeats of a large pool cost the allocator, over one whole interval.
pub async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let allocator = lab.allocator().await?;
    lab.fill(AGENTS).await?;
    let mut connection = allocator.connect().await?;
    let mut tick = tokio::time::interval(Duration::from_secs(EVERY.into()) / AGENTS);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut cost = Vec::new();
    // The first interval writes new rows, the second the usual ones.
    for _ in 0..2 {
        let before = process::processor_time(allocator.pid())?;
        for number in 1..=AGENTS {
            tick.tick().await;
            let body = json!({ "hostname": format!("lablink-vm-dev-{number}") });
            let answer = connection.post("/api/agent/heartbeat", "", &body).await?;
            ensure!(answer.status == 200, "{}", String::from_utf8_lossy(&answer.body));
        }
        cost.push(process::processor_time(allocator.pid())? - before);
    }
    let share = cost[1].as_secs_f64() / f64::from(EVERY);
    let measured = format!("{:.1} % of a core", share * 100.0);
    report.add("heartbeats of 2,000 agents at 20 s", "< 5 % of a core", measured, share < 0.05);
    Ok(())
}
