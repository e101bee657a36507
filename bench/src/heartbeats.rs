use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::time::MissedTickBehavior;

use crate::{
    allocator::Allocator,
    connection::Request,
    lab::BenchLab,
    report::{Bar, Report, Unit, Value},
};

const AGENTS: u32 = 2_000;
const EVERY: u32 = 20;

/// What the heartbeats of a large pool cost the allocator, over one whole interval.
pub async fn measure(lab: &BenchLab, report: &mut Report) -> Result<()> {
    let allocator = Allocator::start(lab).await?;
    lab.fill(AGENTS).await?;
    let mut connection = allocator.connect().await?;
    let mut tick = tokio::time::interval(Duration::from_secs(EVERY.into()) / AGENTS);
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let before = allocator.processor_time()?;
    for number in 1..=AGENTS {
        tick.tick().await;
        let body = json!({ "hostname": format!("lablink-vm-dev-{number}") });
        connection.ask(&Request::post("/api/agent/heartbeat", "", &body)).await?.good()?;
    }
    let cost = allocator.processor_time()? - before;
    let share = Value(cost.as_secs_f64() / f64::from(EVERY) * 100.0, Unit::Percent);
    let what = "heartbeats of 2,000 agents at 20 s, of a core";
    report.add(what, share, Some(Bar::AtMost(5.0)), "the allocator alone");
    Ok(())
}
