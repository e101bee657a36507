use std::time::Instant;

use anyhow::Result;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    allocator::Allocator,
    connection::Request,
    growth::{Growth, Series},
    lab::BenchLab,
    report::{Bar, Report, Unit, Value},
    stats::median,
};

const BATCH: usize = 1_000;
const BATCHES: usize = 40;
const SENDERS: u32 = 4;
const ROUNDS: usize = 5;
const TEXT: &str = "2026-03-01 09:00:00,123 INFO step of the training of the model, loss 0.1234";

/// Log lines over HTTP, beside the same lines in a plain batch insert, and with more and more lines
/// stored already, up to `most`.
pub async fn measure(lab: &BenchLab, most: u32, report: &mut Report) -> Result<Growth> {
    let allocator = Allocator::start(lab).await?;
    fill(lab).await?;
    let mut nothing_sent = Sender::default();
    let (mut plain, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plain.push(insert(lab).await?);
        ours.push(nothing_sent.send(&allocator).await?);
    }
    let (plain, empty) = (median(&plain), median(&ours));
    let share = Value(empty / plain, Unit::Times);
    let note = format!("{empty:.0} lines/s of a plain batch insert's {plain:.0}");
    report.add("log lines in", share, Some(Bar::AtLeast(0.4)), &note);

    let mut series = Series::new("log lines in", Unit::PerSecond);
    series.points.push((0, empty));
    let mut stored = 0;
    for lines in [100_000, 1_000_000, 10_000_000].into_iter().filter(|lines| *lines <= most) {
        store(lab, stored, lines).await?;
        stored = lines;
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            rates.push(nothing_sent.send(&allocator).await?);
        }
        series.points.push((lines, median(&rates)));
    }
    if let Some((lines, rate)) = series.points.last() {
        let what = format!("log lines in, with {lines} stored: of the speed with none");
        report.add(&what, Value(rate / empty, Unit::Times), Some(Bar::AtLeast(0.9)), "");
    }
    Ok(Growth { of: "log lines stored".to_owned(), series: vec![series] })
}

/// A load of lines, for whoever wants to know what it leaves behind.
pub async fn send_some(lab: &BenchLab, allocator: &Allocator) -> Result<()> {
    fill(lab).await?;
    Sender::default().send(allocator).await.map(drop)
}

async fn fill(lab: &BenchLab) -> Result<()> {
    lab.fill(SENDERS).await?;
    let client = lab.connect().await?;
    client.batch_execute("truncate log_line, log_volume").await?;
    client
        .batch_execute(
            "update vm set source = 'aws';
             create table if not exists plain_line (
                 id bigint generated always as identity, vm_id bigint not null,
                 at timestamptz not null, line text not null, primary key (vm_id, id))",
        )
        .await?;
    Ok(())
}

/// Lines from number `stored` on to `lines`, by a hundred other VMs, as if they had come over HTTP.
async fn store(lab: &BenchLab, stored: u32, lines: u32) -> Result<()> {
    let client = lab.connect().await?;
    let sql = "insert into log_line (vm_id, at, line, event_id)
               select 1000000 + n % 100, now(), n || ' ' || $3::text, lpad(n::text, 56, '0')
               from generate_series($1::int, $2::int) as n";
    let (first, last) = (i32::try_from(stored)? + 1, i32::try_from(lines)?);
    client.execute(sql, &[&first, &last, &TEXT]).await?;
    client.batch_execute("vacuum analyze log_line").await?;
    Ok(lab.superuser().await?.batch_execute("checkpoint").await?)
}

/// Lines per second, straight into a table.
async fn insert(lab: &BenchLab) -> Result<f64> {
    let lines: Vec<String> = (0..BATCH).map(|nr| format!("{nr} {TEXT}")).collect();
    let mut clients = Vec::new();
    for _ in 0..SENDERS {
        clients.push(lab.connect().await?);
    }
    let mut senders = JoinSet::new();
    let start = Instant::now();
    for (vm, client) in (0_i64..).zip(clients) {
        let lines = lines.clone();
        senders.spawn(async move {
            let sql = "insert into plain_line (vm_id, at, line)
                       select $1, now(), unnest($2::text[])";
            let insert = client.prepare(sql).await?;
            for _ in 0..BATCHES {
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

/// Sends as the forwarder does: each line with the id of its event, and no event twice.
#[derive(Default)]
struct Sender {
    rounds: usize,
}

impl Sender {
    /// Lines per second.
    async fn send(&mut self, allocator: &Allocator) -> Result<f64> {
        let mut sending = Vec::new();
        for vm in 1..=SENDERS {
            let batch = |nr| self.batch(vm, nr);
            let batches: Vec<Request> = (0..BATCHES).map(batch).collect();
            sending.push((allocator.connect().await?, batches));
        }
        self.rounds += 1;
        let mut senders = JoinSet::new();
        let start = Instant::now();
        for (mut connection, batches) in sending {
            senders.spawn(async move {
                for batch in &batches {
                    connection.ask(batch).await?.good()?;
                }
                Ok::<_, anyhow::Error>(())
            });
        }
        while let Some(done) = senders.join_next().await {
            done??;
        }
        Ok(rate(start))
    }

    fn batch(&self, vm: u32, nr: usize) -> Request {
        let first = (self.rounds * BATCHES + nr) * BATCH;
        let ids: Vec<String> = (first..first + BATCH).map(|nr| format!("{nr:056}")).collect();
        let lines: Vec<String> = (0..BATCH).map(|nr| format!("{nr} {TEXT}")).collect();
        let body = json!({
            "log_group": "lablink-cloud-init-dev",
            "log_stream": format!("lablink-vm-dev-{vm}"),
            "messages": lines,
            "event_ids": ids,
        });
        Request::post("/api/vm-logs", &Allocator::forwarder(), &body)
    }
}

fn rate(start: Instant) -> f64 {
    (SENDERS as usize * BATCHES * BATCH) as f64 / start.elapsed().as_secs_f64()
}
