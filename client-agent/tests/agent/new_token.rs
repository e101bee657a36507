//! After a claim the agent takes a new token by itself, whenever it is killed.

use std::fs;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use tokio::process::Child;

use crate::{
    allocator::{Allocator, Told},
    renewal::Held,
    vm::{STAYS, Vm, runs, until},
};

/// A VM that was somebody's, and its agent.
async fn claimed() -> (Allocator, Vm, Child) {
    let allocator = Allocator::start().await;
    allocator.require("enrolment-secret", "agent-secret");
    let vm = Vm::with_remote_desktop(STAYS);
    let agent = vm.agent(&allocator.url).env("LABLINK_ENROLMENT_TOKEN", "enrolment-secret").spawn();
    allocator.claim(7, 1);
    allocator.results(1).await;
    (allocator, vm, agent.unwrap())
}

fn stored(vm: &Vm) -> String {
    fs::read_to_string(vm.state().join("agent-token")).unwrap()
}

/// It waits with the newest token, which is on the disk, and nobody was alarmed on the way.
async fn has_a_new_token(allocator: &Allocator, vm: &Vm) -> Told {
    let told = allocator.told("the use of a new token", |told| !told.renewal.due).await;
    assert_eq!(told.renewal.alarms, 0);
    assert_eq!(stored(vm), format!("renewed-secret-{}", told.renewal.fetches));
    allocator.claim(8, 1);
    let told = allocator.told("the next claim", |told| {
        let results = told.bodies("/api/agent/claim-result");
        results.last().is_some_and(|result| result["claim_id"] == 8)
    });
    let told = told.await;
    assert_eq!(told.renewal.alarms, 0);
    vm.assert_log_holds_no_secret();
    told
}

async fn kill_now(mut agent: Child) {
    agent.start_kill().unwrap();
    agent.wait().await.unwrap();
}

async fn held(allocator: &Allocator) {
    allocator.told("a request that is held", |told| told.renewal.holding > 0).await;
}

#[tokio::test]
async fn at_the_end_of_a_claim_the_agent_takes_a_new_token_and_serves_the_next() {
    let (allocator, vm, _agent) = claimed().await;
    allocator.release_and_ask_for_a_new_token();
    let told = has_a_new_token(&allocator, &vm).await;
    assert_eq!(told.renewal.fetches, 1);
    assert_eq!(crate::vm::mode(&vm.state().join("agent-token")), 0o600);
    let beats = told.bodies("/api/agent/heartbeat");
    assert!(beats[0]["token"]["exposed"].as_str().unwrap().contains("whose desktop is shared"));
}

#[tokio::test]
async fn an_agent_that_is_killed_before_the_new_token_comes_fetches_another() {
    let (allocator, vm, agent) = claimed().await;
    allocator.hold(Some(Held::Fetch));
    allocator.release_and_ask_for_a_new_token();
    held(&allocator).await;
    kill_now(agent).await;
    assert_eq!(stored(&vm), "agent-secret");
    allocator.hold(None);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    assert_eq!(has_a_new_token(&allocator, &vm).await.renewal.fetches, 2);
}

#[tokio::test]
async fn an_agent_that_is_killed_between_fetching_and_storing_fetches_another() {
    let (allocator, vm, agent) = claimed().await;
    allocator.hold(Some(Held::Fetch));
    allocator.release_and_ask_for_a_new_token();
    held(&allocator).await;
    // The answer reaches the machine, and the agent does nothing more with it.
    let pid = Pid::from_raw(agent.id().unwrap().try_into().unwrap());
    kill(pid, Signal::SIGSTOP).unwrap();
    allocator.hold(None);
    allocator.told("the answer", |told| told.renewal.next.is_some()).await;
    kill_now(agent).await;
    assert_eq!(stored(&vm), "agent-secret");
    // As a write leaves it that was cut short.
    fs::write(vm.state().join(".agent-token.new"), "renewed-se").unwrap();
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    assert_eq!(has_a_new_token(&allocator, &vm).await.renewal.fetches, 2);
}

#[tokio::test]
async fn an_agent_that_is_killed_between_storing_and_using_uses_what_is_stored() {
    let (allocator, vm, agent) = claimed().await;
    allocator.hold(Some(Held::FirstUse));
    allocator.release_and_ask_for_a_new_token();
    held(&allocator).await;
    kill_now(agent).await;
    assert_eq!(stored(&vm), "renewed-secret-1");
    allocator.hold(None);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    assert_eq!(has_a_new_token(&allocator, &vm).await.renewal.fetches, 1);
}

#[tokio::test]
async fn an_agent_that_is_killed_after_the_first_use_goes_on_with_it() {
    let (allocator, vm, agent) = claimed().await;
    allocator.release_and_ask_for_a_new_token();
    allocator.told("the use of a new token", |told| !told.renewal.due).await;
    kill_now(agent).await;
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    assert_eq!(has_a_new_token(&allocator, &vm).await.renewal.fetches, 1);
}

/// Used and not stored, it would be lost with the agent, and the old one is dead by then.
#[tokio::test]
async fn a_token_that_can_not_be_stored_is_not_used() {
    let (allocator, vm, _agent) = claimed().await;
    let in_the_way = vm.state().join(".agent-token.new");
    fs::create_dir(&in_the_way).unwrap();
    allocator.release_and_ask_for_a_new_token();
    allocator.told("tries", |told| told.renewal.fetches > 2).await;
    let told = allocator.told("now", |_| true).await;
    assert!(told.renewal.due, "it was used");
    until("the trouble is told", || {
        fs::read_to_string(vm.log()).unwrap().contains("the new token was not stored")
    })
    .await;
    fs::remove_dir(&in_the_way).unwrap();
    has_a_new_token(&allocator, &vm).await;
}

#[tokio::test]
async fn an_agent_takes_a_new_token_within_a_claim_and_the_desktop_goes_on() {
    let (allocator, vm, _agent) = claimed().await;
    allocator.hold(Some(Held::Fetch));
    allocator.ask_for_a_new_token();
    held(&allocator).await;
    let beats = |told: &Told| told.bodies("/api/agent/heartbeat").len();
    let before = beats(&allocator.told("now", |_| true).await);
    allocator.hold(None);
    let told = allocator.told("a heartbeat", |told| beats(told) > before).await;
    assert_eq!((told.renewal.fetches, told.renewal.alarms), (1, 0));
    assert_eq!(told.bodies("/api/agent/claim-result").len(), 1, "nothing was done again");
    assert!(runs(vm.pids()[0]), "its participant is there");
    has_a_new_token(&allocator, &vm).await;
}

#[tokio::test]
async fn an_agent_that_locks_out_takes_a_new_token_before_and_after() {
    let (allocator, vm, _agent) = claimed().await;
    allocator.lock_out_with_a_new_token(7, 2);
    let told = allocator.results(2).await;
    assert_eq!((&told[1]["outcome"], &told[1]["command_no"]), (&json!("locked_out"), &json!(2)));
    assert_eq!(stored(&vm), "renewed-secret-1");
    assert!(!runs(vm.pids()[0]));
    allocator.ask_for_a_new_token();
    let told = allocator.told("the use of another", |told| !told.renewal.due).await;
    assert_eq!(told.renewal.fetches, 2);
    allocator.claim(7, 3);
    let told = allocator.results(3).await;
    assert_eq!((&told[2]["outcome"], &told[2]["command_no"]), (&json!("connected"), &json!(3)));
    has_a_new_token(&allocator, &vm).await;
}

/// Reports that are due meanwhile are made once the token is there.
#[tokio::test]
async fn what_the_agent_has_to_say_meanwhile_is_not_lost() {
    let (allocator, vm, agent) = claimed().await;
    allocator.hold(Some(Held::Fetch));
    allocator.release_and_ask_for_a_new_token();
    held(&allocator).await;
    kill_now(agent).await;
    let before = allocator.told("now", |_| true).await.bodies("/api/vm-status").len();
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    until("it was refused", || {
        fs::read_to_string(vm.log()).unwrap().contains("reporting 'running' fails")
    })
    .await;
    allocator.hold(None);
    let reported = |told: &Told| told.bodies("/api/vm-status").len() > before;
    allocator.told("running", reported).await;
}
