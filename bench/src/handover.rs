//! How soon a waiting agent has the claim that a participant made.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    allocator::Allocator,
    claims::wish,
    connection::Connection,
    lab::Lab,
    report::{Report, milliseconds, quantile},
};

const ALONE: u32 = 300;
const BURST: u32 = 1_000;

pub async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let allocator = lab.allocator().await?;

    let mut agents = wait_all(lab, &allocator, ALONE).await?;
    let mut participant = allocator.connect().await?;
    let mut times = Vec::new();
    for person in 0..ALONE {
        let start = Instant::now();
        participant.post("/api/request_vm", "", &wish(person)).await?.json()?;
        let (_, told) = agents.join_next().await.context("no agent waits")???;
        times.push(told - start);
    }
    let (middle, most) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    let measured = format!("p99 {}, median {}", milliseconds(most), milliseconds(middle));
    let met = most <= Duration::from_millis(10);
    report.add("request → agent has the claim, alone", "p99 ≤ 10 ms", measured, met);

    let mut agents = wait_all(lab, &allocator, BURST).await?;
    let mut people = JoinSet::new();
    for person in 0..BURST {
        let mut participant = allocator.connect().await?;
        people.spawn(async move {
            let answer = insist(&mut participant, person).await?;
            let answered = Instant::now();
            let name = answer["hostname"].as_str().context("no hostname")?.to_owned();
            Ok::<_, anyhow::Error>((name, answered))
        });
    }
    let (mut answered, mut told) = (BTreeMap::new(), BTreeMap::new());
    while let Some(got) = people.join_next().await {
        answered.extend([got??]);
    }
    while let Some(got) = agents.join_next().await {
        told.extend([got??]);
    }
    ensure!(answered.keys().eq(told.keys()), "an agent was told nothing");
    let mut lags: Vec<Duration> =
        answered.iter().map(|(name, at)| told[name].saturating_duration_since(*at)).collect();
    let most = quantile(&mut lags, 0.99);
    let measured = format!("p99 {} after the participant's answer, none lost", milliseconds(most));
    let met = most <= Duration::from_millis(50);
    report.add("the same in a burst of 1,000", "p99 ≤ 50 ms", measured, met);
    Ok(())
}

/// Claims as a person does who is told to try again in a moment.
async fn insist(participant: &mut Connection, person: u32) -> Result<Value> {
    loop {
        let answer = participant.post("/api/request_vm", "", &wish(person)).await?;
        if answer.status != 503 {
            return answer.json();
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Agents that wait for their claims; each tells its name, and when it had it.
async fn wait_all(
    lab: &Lab,
    allocator: &Allocator,
    count: u32,
) -> Result<JoinSet<Result<(String, Instant)>>> {
    lab.fill(count).await?;
    let mut agents = JoinSet::new();
    for number in 1..=count {
        let hostname = format!("lablink-vm-dev-{number}");
        let mut connection = waiting(allocator, &hostname).await?;
        agents.spawn(async move {
            connection.answer().await?.json()?;
            Ok((hostname, Instant::now()))
        });
    }
    // Whoever was sent last has to be heard, too.
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(agents)
}

/// An agent that has asked for its claim.
pub async fn waiting(allocator: &Allocator, hostname: &str) -> Result<Connection> {
    let mut connection = allocator.connect().await?;
    let question = json!({ "hostname": hostname });
    connection.send_json("/vm_startup", "Prefer: wait=50\r\n", &question).await?;
    Ok(connection)
}
