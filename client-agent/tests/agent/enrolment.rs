use std::fs;

use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    allocator::{Allocator, Told},
    vm::{STAYS, Vm, mode, stop, until},
};

const ENROL: &str = "/api/agent/enrol";

fn waits(told: &Told) -> bool {
    !told.bodies("/vm_startup").is_empty()
}

#[tokio::test]
async fn the_enrolment_token_is_traded_once_for_a_private_agent_token() {
    let allocator = Allocator::start().await;
    allocator.require("enrolment-secret", "agent-secret");
    let vm = Vm::with_remote_desktop(STAYS);
    let start =
        || vm.agent(&allocator.url).env("LABLINK_ENROLMENT_TOKEN", "enrolment-secret").spawn();
    let agent = start().unwrap();
    let up = |told: &Told| waits(told) && told.bodies("/api/vm-status").len() == 1;
    let told = allocator.told("the first agent", up).await;
    let enrolment = json!({"hostname": "lablink-vm-test-1", "enrolment_token": "enrolment-secret"});
    assert_eq!(told.bodies(ENROL), [&enrolment]);
    let token = vm.state().join("agent-token");
    assert_eq!(fs::read_to_string(&token).unwrap(), "agent-secret");
    assert_eq!(mode(&token), 0o600);
    stop(agent).await;

    let _agent = start().unwrap();
    let again = |told: &Told| told.bodies("/api/vm-status").len() == 2;
    let told = allocator.told("the second agent", again).await;
    assert_eq!(told.bodies(ENROL).len(), 1);
    vm.assert_log_holds_no_secret();
}

#[tokio::test]
async fn a_refused_agent_token_leads_to_enrolling_anew_with_the_token_in_the_file() {
    let allocator = Allocator::start().await;
    allocator.require("second-secret", "new-secret");
    let vm = Vm::with_remote_desktop(STAYS);
    fs::create_dir(vm.state()).unwrap();
    fs::write(vm.state().join("agent-token"), "old-secret").unwrap();
    let file = vm.home().join("enrolment-token");
    fs::write(&file, "second-secret\n").unwrap();
    let _agent = vm.agent(&allocator.url).arg("--enrolment-token-file").arg(&file).spawn().unwrap();
    let told = allocator.told("the wait", waits).await;
    assert_eq!(told.bodies(ENROL).len(), 1, "calls refused at the same time enrol once");
    assert_eq!(fs::read_to_string(vm.state().join("agent-token")).unwrap(), "new-secret");
    vm.assert_log_holds_no_secret();
}

#[tokio::test]
async fn a_refused_enrolment_token_is_told_and_not_tried_again_at_once() {
    let allocator = Allocator::start().await;
    allocator.require("good-secret", "agent-secret");
    let vm = Vm::with_remote_desktop(STAYS);
    let file = vm.home().join("enrolment-token");
    fs::write(&file, "used-secret").unwrap();
    let _agent = vm.agent(&allocator.url).arg("--enrolment-token-file").arg(&file).spawn().unwrap();
    let told = || fs::read_to_string(vm.log()).unwrap();
    until("the refusal is told", || told().contains("make a new one for this VM")).await;
    until("calls are refused", || told().contains("waiting for a claim fails")).await;
    assert_eq!(allocator.told("now", |_| true).await.bodies(ENROL).len(), 1);

    fs::write(&file, "good-secret").unwrap();
    allocator.told("the wait", waits).await;
    vm.assert_log_holds_no_secret();
}

#[tokio::test]
async fn an_agent_without_any_token_serves_an_open_allocator() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    let told = allocator.told("the wait", waits).await;
    assert!(told.bodies(ENROL).is_empty());
}

#[tokio::test]
async fn an_allocator_that_comes_up_later_is_found() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let vm = Vm::with_remote_desktop(STAYS);
    let _agent = vm
        .agent(&format!("http://{address}/"))
        .env("LABLINK_ENROLMENT_TOKEN", "enrolment-secret")
        .spawn()
        .unwrap();
    until("a failure", || fs::read_to_string(vm.log()).unwrap().contains("can't reach")).await;

    let allocator = Allocator::start_on(TcpListener::bind(address).await.unwrap());
    allocator.require("enrolment-secret", "agent-secret");
    allocator.told("the wait", waits).await;
    vm.assert_log_holds_no_secret();
}
