//! A large class, and what the allocator adds to Terraform's own time. Not part of every run:
//! `cargo test -p lablink-provision --test terraform -- --ignored --nocapture`.

use std::{
    fs,
    time::{Duration, Instant, SystemTime},
};

use lablink_core::{operations::Operation, vms::Selection};

use crate::lab::Lab;

/// What the operation took beside Terraform: from the request to the end of its row, less the time
/// between Terraform's first word and the last.
fn overhead(lab: &Lab, what: &str, operation: &Operation) -> Result<(), String> {
    let output = lab.path(&format!("a/operations/{}/terraform.jsonl", operation.id));
    let output = fs::read_to_string(output).unwrap();
    let at = |line: &str| {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        SystemTime::from(json["@timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap())
    };
    let (first, last) = (output.lines().next().unwrap(), output.lines().next_back().unwrap());
    let terraform = at(last).duration_since(at(first)).unwrap();
    let whole = operation.finished_at.unwrap().duration_since(operation.created_at);
    let whole = Duration::try_from(whole).unwrap();
    let ours = whole - terraform;
    eprintln!("{what}: {whole:.2?}, of which Terraform {terraform:.2?}: {ours:.2?} are ours");
    let allowed = (terraform * 3 / 100).max(Duration::from_secs(1));
    if ours <= allowed { Ok(()) } else { Err(format!("{what}: more than {allowed:.2?}")) }
}

async fn measure(vms: u32) {
    let lab = Lab::new().await;
    let worker = lab.worker("a").await;
    let start = Instant::now();
    let launched = lab.succeeds(lab.launch(vms).await).await;
    assert_eq!(lab.state().len(), usize::try_from(vms).unwrap());
    lab.tells_one_story().await;
    let destroyed = lab.succeeds(lab.destroy(Selection::All).await).await;
    assert!(lab.state().is_empty());
    lab.tells_one_story().await;
    worker.stop().await;
    eprintln!("{vms} VMs came and went in {:.1?}", start.elapsed());
    let launching = overhead(&lab, &format!("launch {vms}"), &launched);
    let destroying = overhead(&lab, &format!("destroy {vms}"), &destroyed);
    assert_eq!((launching, destroying), (Ok(()), Ok(())));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, so it wants the machine for itself"]
async fn twenty_vms_cost_little_more_than_terraform_alone() {
    measure(20).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn five_hundred_vms_come_and_go() {
    measure(500).await;
}
