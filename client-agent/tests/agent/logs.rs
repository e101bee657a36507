//! Log lines on their way to the allocator.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write as _,
};

use serde_json::Value;

use crate::{
    allocator::{Allocator, Told},
    vm::{STAYS, Vm, stop},
};

const PATH: &str = "/api/vm-logs";

fn lines(told: &Told) -> Vec<String> {
    strings(told, "messages")
}

fn strings(told: &Told, key: &str) -> Vec<String> {
    let list = |body: &Value| body[key].as_array().unwrap().clone();
    let all = told.bodies(PATH).into_iter().flat_map(list);
    all.map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn own_lines_and_those_of_files_are_sent_once_each() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let file = vm.home().join("start.log");
    fs::write(&file, "cloning\ncloned\n").unwrap();
    let run = || {
        let mut command = vm.agent(&allocator.url);
        command.env("LABLINK_SHIP_LOGS", "auto").env("LABLINK_LOG_FILES", &file);
        command.spawn().unwrap()
    };
    let holds = |told: &Told, line: &str| lines(told).iter().any(|it| it == line);
    let agent = run();
    let told = allocator.told("lines", |told| holds(told, "cloned")).await;
    let own = lines(&told).iter().any(|line| line.ends_with("reported as running"));
    assert!(own, "{:?}", lines(&told));
    assert_eq!(told.bodies(PATH)[0]["log_stream"], "lablink-vm-test-1");
    stop(agent).await;

    writeln!(OpenOptions::new().append(true).open(&file).unwrap(), "restarted").unwrap();
    let _agent = run();
    let told = allocator.told("the new line", |told| holds(told, "restarted")).await;
    // As the allocator stores them: what comes again has its id again.
    let ids = strings(&told, "event_ids");
    let stored: BTreeMap<String, String> = ids.into_iter().zip(lines(&told)).collect();
    assert_eq!(stored.values().filter(|line| *line == "cloning").count(), 1);
}

#[tokio::test]
async fn a_machine_whose_log_another_collects_sends_none() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let mut command = vm.agent(&allocator.url);
    command.env("LABLINK_SHIP_LOGS", "auto").env("CLOUD_INIT_LOG_GROUP", "lablink-cloud-init-prod");
    let _agent = command.spawn().unwrap();
    // Beats come every second here, and lines would come after one.
    let told = allocator.told("beats", |told| told.bodies("/api/agent/heartbeat").len() >= 5).await;
    assert!(told.bodies(PATH).is_empty());
}
