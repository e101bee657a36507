//! What a person at the machine asks of the program.

use std::{fs, time::Duration};

use serde_json::json;
use tokio::process::Command;

use crate::{
    allocator::{Allocator, Told},
    vm::{STAYS, Vm, mode, stop},
};

async fn said(command: &mut Command) -> (bool, String) {
    let output = tokio::time::timeout(Duration::from_secs(20), command.output()).await;
    let output = output.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

fn waits(told: &Told) -> bool {
    !told.bodies("/vm_startup").is_empty() && !told.bodies("/api/vm-status").is_empty()
}

#[tokio::test]
async fn enrolling_by_hand_keeps_the_token_and_says_so_without_it() {
    let allocator = Allocator::start().await;
    allocator.require("enrolment-secret", "agent-secret");
    let vm = Vm::with_remote_desktop(STAYS);
    let enrol = |token: &'static str| {
        let mut command = vm.command("enrol", &allocator.url);
        command.env("LABLINK_ENROLMENT_TOKEN", token);
        command
    };
    let (done, told) = said(&mut enrol("")).await;
    assert!(!done && told.contains("no enrolment token: give the one"), "{told}");

    let (done, told) = said(&mut enrol("enrolment-secret")).await;
    assert!(done && told.contains("enrolled as lablink-vm-test-1"), "{told}");
    assert!(!told.contains("secret"), "{told}");
    let token = vm.state().join("agent-token");
    assert_eq!(
        (fs::read_to_string(&token).unwrap().as_str(), mode(&token)),
        ("agent-secret", 0o600)
    );

    let (done, told) = said(&mut enrol("enrolment-secret")).await;
    assert!(!done && told.contains("403"), "it works once: {told}");
    let (done, told) = said(&mut enrol("")).await;
    assert!(done && told.contains("has its token already"), "{told}");
}

#[tokio::test]
async fn a_new_enrolment_token_brings_a_new_agent_token() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    fs::create_dir(vm.state()).unwrap();
    fs::write(vm.state().join("agent-token"), "old-secret").unwrap();
    allocator.require("enrolment-secret", "new-secret");
    let mut enrol = vm.command("enrol", &allocator.url);
    let (done, told) = said(enrol.env("LABLINK_ENROLMENT_TOKEN", "enrolment-secret")).await;
    assert!(done, "{told}");
    assert_eq!(fs::read_to_string(vm.state().join("agent-token")).unwrap(), "new-secret");
}

#[tokio::test]
async fn an_agent_that_runs_takes_up_the_token_that_a_person_brought() {
    let allocator = Allocator::start().await;
    allocator.require("first-secret", "old-secret");
    let vm = Vm::with_remote_desktop(STAYS);
    let mut run = vm.agent(&allocator.url);
    let _agent = run.env("LABLINK_ENROLMENT_TOKEN", "first-secret").spawn().unwrap();
    allocator.told("the wait", waits).await;
    allocator.require("second-secret", "new-secret");
    let mut enrol = vm.command("enrol", &allocator.url);
    let (done, told) = said(enrol.env("LABLINK_ENROLMENT_TOKEN", "second-secret")).await;
    assert!(done, "{told}");
    let before = allocator.told("now", |_| true).await.bodies("/api/agent/heartbeat").len();
    let more = |told: &Told| told.bodies("/api/agent/heartbeat").len() > before;
    allocator.told("a heartbeat with the new token", more).await;
    vm.assert_log_holds_no_secret();
}

#[tokio::test]
async fn status_tells_whether_the_agent_runs_and_what_the_allocator_knows() {
    let allocator = Allocator::start().await;
    allocator.require("enrolment-secret", "agent-secret");
    let vm = Vm::with_remote_desktop(STAYS);
    let status = async || said(&mut vm.command("status", &allocator.url)).await;
    let (well, told) = status().await;
    assert!(!well, "{told}");
    for part in ["does not run: start it", "none: get an enrolment token", "401"] {
        assert!(told.contains(part), "{part} in {told}");
    }

    let mut run = vm.agent(&allocator.url);
    let agent = run.env("LABLINK_ENROLMENT_TOKEN", "enrolment-secret").spawn().unwrap();
    allocator.told("the wait", waits).await;
    let (well, told) = status().await;
    assert!(well, "{told}");
    for part in ["agent      runs", "own token  stored", "knows this machine as running"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.contains("secret"), "{told}");
    stop(agent).await;
    let (well, told) = status().await;
    assert!(!well && told.contains("does not run"), "{told}");
}

#[tokio::test]
async fn two_agents_never_share_a_state_directory() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.told("the wait", waits).await;
    let (ran, told) = said(&mut vm.agent(&allocator.url)).await;
    assert!(!ran && told.contains("another agent runs with the state directory"), "{told}");
}

#[tokio::test]
async fn a_start_script_can_report() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let (done, told) = said(vm.command("report", &allocator.url).arg("error")).await;
    assert!(done, "{told}");
    let told = allocator.told("now", |_| true).await;
    let error = json!({"hostname": "lablink-vm-test-1", "status": "error"});
    assert_eq!(told.bodies("/api/vm-status"), [&error]);
    let (done, told) = said(vm.command("report", &allocator.url).arg("great")).await;
    assert!(!done && told.contains("initializing, running, unknown, error"), "{told}");
}

#[tokio::test]
async fn a_stop_is_told_to_the_allocator() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.told("the wait", waits).await;
    stop(agent).await;
    let told = allocator.told("now", |_| true).await;
    let last = told.bodies("/api/agent/heartbeat").last().cloned().cloned();
    assert_eq!(last, Some(json!({"hostname": "lablink-vm-test-1", "stopping": true})));
}

#[tokio::test]
async fn an_allocator_that_hangs_does_not_hold_up_a_stop() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let vm = Vm::with_remote_desktop(STAYS);
    let agent = vm.agent(&url).spawn().unwrap();
    let _connection = listener.accept().await.unwrap();
    stop(agent).await;
}

#[tokio::test]
async fn systemd_hears_of_the_start_and_the_stop() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let socket = vm.home().join("notify");
    let notify = tokio::net::UnixDatagram::bind(&socket).unwrap();
    let heard = async || {
        let mut message = [0; 200];
        let length = tokio::time::timeout(Duration::from_secs(10), notify.recv(&mut message)).await;
        String::from_utf8_lossy(&message[..length.unwrap().unwrap()]).into_owned()
    };
    let mut run = vm.agent(&allocator.url);
    let agent = run.env("NOTIFY_SOCKET", &socket).spawn().unwrap();
    assert_eq!(heard().await, "READY=1\n");
    stop(agent).await;
    assert_eq!(heard().await, "STOPPING=1\n");
}

#[tokio::test]
async fn the_doctor_names_the_layer_between_the_machine_and_its_allocator() {
    let vm = Vm::with_remote_desktop(STAYS);
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (well, told) = said(&mut vm.command("doctor", &format!("http://{free}"))).await;
    assert!(!well && told.contains("first layer that is broken is 'port'"), "{told}");

    let mut nowhere = vm.command("doctor", "http://lablink.invalid");
    let (well, told) = said(nowhere.arg("--json")).await;
    assert!(!well, "{told}");
    let json: serde_json::Value = serde_json::from_str(told.trim()).unwrap();
    let states: Vec<(&str, &str)> = json["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (check["code"].as_str().unwrap(), check["state"].as_str().unwrap()))
        .collect();
    let skipped = ["port", "tls", "ready", "token", "clock"].map(|code| (code, "skipped"));
    assert_eq!(states, [&[("name", "broken")], &skipped[..], &[("disk", "well")]].concat());
}
