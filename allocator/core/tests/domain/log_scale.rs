//! How quick the store of log lines is: beside a plain insert, and with ten million lines in it.

use std::time::{Duration, Instant};

use lablink_core::{
    logs::{self, Batch, LogMessage, Place, Query},
    vms,
};
use tokio_postgres::NoTls;

use crate::scene::{Scene, name};

const VM: &str = "lablink-vm-test-1";
const BATCH: usize = 1_000;
const TEXT: &str = "2026-03-01 09:00:00,123 INFO step of the training of the model, loss 0.1234";

/// Batches with ids as `CloudWatch` makes them: 56 digits that grow.
fn batch(nr: usize) -> Vec<LogMessage> {
    (nr * BATCH..(nr + 1) * BATCH)
        .map(|line| LogMessage {
            text: format!("{line} {TEXT}"),
            at: None,
            sender_id: Some(format!("{line:056}")),
        })
        .collect()
}

/// Lines per second of these batches, stored through the core.
async fn append(scene: &Scene, batches: std::ops::Range<usize>) -> f64 {
    let lines = batches.len() * BATCH;
    let batches: Vec<_> = batches.map(batch).collect();
    let start = Instant::now();
    for batch in &batches {
        let stored = logs::append(&scene.scope(), &name(VM), &Batch::of(batch)).await.unwrap();
        assert_eq!(stored, BATCH as i64);
    }
    lines as f64 / start.elapsed().as_secs_f64()
}

/// A connection without the limits of the allocator's own.
async fn connection(scene: &Scene) -> tokio_postgres::Client {
    let (client, connection) = scene.database.config().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: make test-logs"]
async fn lines_go_in_at_0_4_of_a_plain_batch_insert_or_more() {
    const ROUNDS: usize = 12;
    const BATCHES: usize = 20;
    let scene = Scene::with_running(1).await;
    let raw = connection(&scene).await;
    raw.batch_execute(
        "create table plain_line (id bigint generated always as identity, vm_id bigint not null,
             at timestamptz not null, line text not null, primary key (vm_id, id))",
    )
    .await
    .unwrap();
    let insert = "insert into plain_line (vm_id, at, line) select 1, now(), unnest($1::text[])";
    let insert = raw.prepare(insert).await.unwrap();
    let (mut plain, mut ours) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let batches: Vec<Vec<String>> = (round * BATCHES..(round + 1) * BATCHES)
            .map(|nr| batch(nr).into_iter().map(|message| message.text).collect())
            .collect();
        let start = Instant::now();
        for lines in &batches {
            raw.execute(&insert, &[lines]).await.unwrap();
        }
        plain.push((BATCHES * BATCH) as f64 / start.elapsed().as_secs_f64());
        ours.push(append(&scene, round * BATCHES..(round + 1) * BATCHES).await);
    }
    let median = |rates: &mut Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let (plain, ours) = (median(&mut plain), median(&mut ours));
    println!("lines/s: plain {plain:.0}, ours {ours:.0}: {:.2}", ours / plain);
    assert!(ours / plain >= 0.4, "{:.2}", ours / plain);
}

/// The median of many reads.
async fn reading(scene: &Scene, place: Place) -> Duration {
    let vm = vms::find(&scene.scope(), &name(VM)).await.unwrap().unwrap();
    let query = Query { place, since: None, search: None, limit: 500 };
    let mut took = Vec::new();
    for _ in 0..51 {
        let start = Instant::now();
        let lines = logs::read(&scene.db, vm.id, &query).await.unwrap();
        took.push(start.elapsed());
        assert_eq!(lines.len(), 500);
    }
    took.sort();
    took[25]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make test-logs"]
async fn ten_million_stored_lines_slow_nothing_down() {
    const VMS: u32 = 20;
    const EACH: i64 = 500_000;
    let scene = Scene::with_running(VMS).await;
    let measure = async |what: &str, from: usize| {
        let rate = append(&scene, from..from + 20).await;
        let first = reading(&scene, Place::After(0)).await;
        let middle = reading(&scene, Place::Before(15_000)).await;
        let tail = reading(&scene, Place::End).await;
        println!(
            "{what}: {rate:.0} lines/s in; 500 lines from the start {first:?}, before the \
             15,000th {middle:?}, from the end {tail:?}"
        );
        (rate, [first, middle, tail])
    };
    append(&scene, 0..20).await;
    let (rate_before, reads_before) = measure("empty", 20).await;
    let fill = connection(&scene).await;
    let start = Instant::now();
    fill.execute(
        &format!(
            "insert into log_line (vm_id, at, line, event_id)
             select vm.id, now(), nr || ' {TEXT}', lpad((nr + 10000000)::text, 56, '0')
             from generate_series(1, $1::bigint) as nr, vm"
        ),
        &[&EACH],
    )
    .await
    .unwrap();
    println!("ten million lines more after {:?}", start.elapsed());
    let (rate_after, reads_after) = measure("full", 40).await;
    assert!(rate_after > rate_before / 2.0, "{rate_after:.0} of {rate_before:.0} lines/s");
    for (after, before) in reads_after.into_iter().zip(reads_before) {
        assert!(after < before * 3 + Duration::from_millis(5), "{after:?}, before {before:?}");
    }
}
