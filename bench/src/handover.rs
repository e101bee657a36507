//! How soon a waiting agent has the claim that a participant made.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::{
    agents::Agents,
    allocator::Allocator,
    claims::wish,
    connection::Request,
    lab::BenchLab,
    report::{Bar, Report, Unit, Value},
    stats::{milliseconds, quantile},
};

const ALONE: u32 = 300;

pub async fn measure(lab: &BenchLab, report: &mut Report) -> Result<()> {
    let allocator = Allocator::start(lab).await?;
    lab.fill(ALONE).await?;
    let agents = Agents::of_first(&allocator, ALONE).await?;
    let mut times = alone(&allocator, agents, "alone", ALONE).await?;
    let most = Value(milliseconds(quantile(&mut times, 0.99)), Unit::Milliseconds);
    let note = format!("p99; median {:.1} ms", milliseconds(quantile(&mut times, 0.5)));
    report.add("request → agent has the claim, alone", most, Some(Bar::AtMost(10.0)), &note);
    Ok(())
}

/// From a participant's request to their agent's answer, one after the other. `agents` wait for the
/// VMs that are handed out next.
pub async fn alone(
    allocator: &Allocator,
    agents: Agents,
    name: &str,
    people: u32,
) -> Result<Vec<Duration>> {
    let mut told = agents.listen();
    let mut participant = allocator.connect().await?;
    let mut times = Vec::new();
    for person in 0..people {
        let request = Request::post("/api/request_vm", "", &wish(&format!("{name}-{person}")));
        let start = Instant::now();
        let answer = participant.ask(&request).await?.json()?;
        let got = answer["hostname"].as_str().context("no hostname")?;
        let next = tokio::time::timeout(Duration::from_secs(5), told.join_next()).await;
        let (hostname, at) =
            next.context("no agent of this VM waits")?.context("no agent waits")???;
        ensure!(hostname == got, "{hostname} was told of the claim of {got}");
        times.push(at - start);
    }
    Ok(times)
}
