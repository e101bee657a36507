//! A thousand participants in one instant, in a pool of ten thousand waiting agents.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    agents::{Agents, allow_connections},
    allocator::Allocator,
    claims::wish,
    connection::{Connection, Request},
    lab::BenchLab,
    report::{Bar, Report, Unit, Value},
    stats::{milliseconds, quantile},
};

const VMS: u32 = 10_000;
const PEOPLE: u32 = 1_000;

pub async fn measure(lab: &BenchLab, report: &mut Report) -> Result<()> {
    allow_connections(u64::from(VMS + PEOPLE))?;
    let allocator = Allocator::start(lab).await?;
    lab.fill(VMS).await?;
    let agents = Agents::of_first(&allocator, VMS).await?;
    let gate = Arc::new(Barrier::new(PEOPLE as usize + 1));
    let mut people = JoinSet::new();
    for person in 0..PEOPLE {
        let mut participant = allocator.connect().await?;
        let request = Request::post("/api/request_vm", "", &wish(&format!("burst-{person}")));
        let gate = Arc::clone(&gate);
        people.spawn(async move {
            gate.wait().await;
            let (refused, answer) = insist(&mut participant, &request).await?;
            let answered = Instant::now();
            let name = answer["hostname"].as_str().context("no hostname")?.to_owned();
            Ok::<_, anyhow::Error>((refused, name, answered))
        });
    }
    let mut agents = agents.listen();
    gate.wait().await;
    let start = Instant::now();
    let (mut answered, mut refusals) = (BTreeMap::new(), 0);
    while let Some(got) = people.join_next().await {
        let (refused, name, at) = got??;
        refusals += refused;
        answered.insert(name, at);
    }
    ensure!(answered.len() == PEOPLE as usize, "two people have one VM");
    let mut lags = Vec::new();
    while lags.len() < answered.len() {
        let next = tokio::time::timeout(Duration::from_secs(10), agents.join_next()).await;
        let (name, at) =
            next.context("an agent was told nothing")?.context("no agent waits")???;
        let participant = answered.get(&name).context("an agent was told of nobody's claim")?;
        lags.push(at.saturating_duration_since(*participant));
    }
    let last = answered.values().max().map_or(Duration::ZERO, |at| *at - start);
    let what = "1,000 claims in one instant over 10,000 VMs";
    let last = Value(milliseconds(last), Unit::Milliseconds);
    let note = format!("the last answer; {refusals} were told to try again in a moment");
    report.add(what, last, Some(Bar::AtMost(1000.0)), &note);
    let most = Value(milliseconds(quantile(&mut lags, 0.99)), Unit::Milliseconds);
    let what = "their agents, after the participant's own answer";
    report.add(what, most, Some(Bar::AtMost(50.0)), "p99; none lost");
    Ok(())
}

/// Claims as a person does who is told to try again in a moment. Answers how often they were.
async fn insist(
    participant: &mut Connection,
    request: &Request,
) -> Result<(u32, serde_json::Value)> {
    let mut refused = 0;
    loop {
        let answer = participant.ask(request).await?;
        if answer.status != 503 {
            return Ok((refused, answer.json()?));
        }
        refused += 1;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
