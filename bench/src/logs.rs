use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{allocator::Allocator, lab::Lab, report::Report};

const BATCH: usize = 1_000;
const BATCHES: usize = 40;
const SENDERS: u32 = 4;
const ROUNDS: usize = 5;
const TEXT: &str = "2026-03-01 09:00:00,123 INFO step of the training of the model, loss 0.1234";

/// Log lines over HTTP, beside the same lines in a plain batch insert.
pub async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let allocator = lab.allocator().await?;
    lab.fill(SENDERS).await?;
    lab.connect()
        .await?
        .batch_execute(
            "update vm set source = 'aws';
             create table if not exists plain_line (
                 id bigint generated always as identity, vm_id bigint not null,
                 at timestamptz not null, line text not null, primary key (vm_id, id))",
        )
        .await?;
    let (mut plain, mut ours) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        plain.push(insert(lab).await?);
        ours.push(send(&allocator, round).await?);
    }
    plain.sort_by(f64::total_cmp);
    ours.sort_by(f64::total_cmp);
    let (plain, ours) = (plain[ROUNDS / 2], ours[ROUNDS / 2]);
    let share = ours / plain;
    let measured = format!("{ours:.0} lines/s of {plain:.0}: {share:.2}");
    report.add("log lines in", "≥ 0.4 × plain batch insert", measured, share >= 0.4);
    Ok(())
}

/// Lines per second, straight into a table.
async fn insert(lab: &Lab) -> Result<f64> {
    let mut senders = JoinSet::new();
    let start = Instant::now();
    for vm in 0..i64::from(SENDERS) {
        let client = lab.connect().await?;
        senders.spawn(async move {
            let sql = "insert into plain_line (vm_id, at, line)
                       select $1, now(), unnest($2::text[])";
            let insert = client.prepare(sql).await?;
            for _ in 0..BATCHES {
                let lines: Vec<String> = (0..BATCH).map(|nr| format!("{nr} {TEXT}")).collect();
                client.execute(&insert, &[&vm, &lines]).await?;
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(done) = senders.join_next().await {
        done??;
    }
    Ok(rate(start))
}

/// Lines per second, as the forwarder sends them: each with the id of its event.
async fn send(allocator: &Allocator, round: usize) -> Result<f64> {
    let mut senders = JoinSet::new();
    let start = Instant::now();
    for vm in 1..=SENDERS {
        let mut connection = allocator.connect().await?;
        senders.spawn(async move {
            for batch in 0..BATCHES {
                let first = (round * BATCHES + batch) * BATCH;
                let ids: Vec<String> =
                    (first..first + BATCH).map(|nr| format!("{nr:056}")).collect();
                let lines: Vec<String> = (0..BATCH).map(|nr| format!("{nr} {TEXT}")).collect();
                let body = json!({
                    "log_group": "lablink-cloud-init-dev",
                    "log_stream": format!("lablink-vm-dev-{vm}"),
                    "messages": lines,
                    "event_ids": ids,
                });
                let answer =
                    connection.post("/api/vm-logs", &Allocator::forwarder(), &body).await?;
                ensure!(answer.status == 200, "{}", String::from_utf8_lossy(&answer.body));
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(done) = senders.join_next().await {
        done??;
    }
    Ok(rate(start))
}

fn rate(start: Instant) -> f64 {
    (SENDERS as usize * BATCHES * BATCH) as f64 / start.elapsed().as_secs_f64()
}
