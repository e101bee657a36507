//! An organiser locks out the person who has the machine.

use std::fs;

use serde_json::{Value, json};

use crate::{
    allocator::Allocator,
    throw_away::ThrowAway,
    vm::{REGISTERS_AND_FAILS, STAYS, Vm, runs, stop, until},
};

fn told(claim_id: i64, command_no: i32, outcome: &str) -> Value {
    json!({
        "hostname": "lablink-vm-test-1", "claim_id": claim_id, "command_no": command_no,
        "outcome": outcome,
    })
}

fn host_file(vm: &Vm) -> std::path::PathBuf {
    vm.home().join(".config/chrome-remote-desktop/host#1.json")
}

#[tokio::test]
async fn the_desktop_ends_with_its_registration_and_the_next_command_starts_another() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    allocator.results(1).await;
    let waits = allocator.told("the wait", |told| !told.bodies("/vm_startup").is_empty()).await;
    assert_eq!(waits.bodies("/vm_startup")[0]["locks_out"], json!(true));
    fs::write(vm.home().join("result.slp"), "kept").unwrap();

    allocator.lock_out(7, 2);
    assert_eq!(allocator.results(2).await[1], told(7, 2, "locked_out"));
    assert!(!runs(vm.pids()[0]), "said only when it has ended");
    assert!(!host_file(&vm).exists(), "a reboot would bring it back");
    assert!(vm.home().join("result.slp").exists());

    allocator.claim(7, 3);
    assert_eq!(allocator.results(3).await[2], told(7, 3, "connected"));
    assert!(runs(vm.pids()[1]));
}

/// Goes on by itself, and obeys neither `--stop` nor TERM.
const STUBBORN_SESSION: &str = r#"
case $1 in
    --start) "$0" --child & echo $! > "$HOME/child" ;;
    --child) trap '' TERM HUP; while :; do sleep 0.05 & wait $!; done ;;
esac
"#;

#[tokio::test]
async fn a_session_that_does_not_obey_is_ended_all_the_same() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(REGISTERS_AND_FAILS);
    vm.add_session_program(STUBBORN_SESSION);
    let agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    allocator.results(1).await;
    until("the session runs", || !vm.text("child").is_empty()).await;
    let child: i32 = vm.text("child").trim().parse().unwrap();
    assert!(runs(child));
    // Another desktop of the same user and program, as local VMs are.
    let mut other = std::process::Command::new(vm.home().with_file_name("chrome-remote-desktop"))
        .arg("--child")
        .env("HOME", "/nowhere")
        .spawn()
        .unwrap();
    allocator.lock_out(7, 2);
    assert_eq!(allocator.results(2).await[1], told(7, 2, "locked_out"));
    // One of which a parent has not heard yet is a name without a process.
    until("it ends", || {
        let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
        !runs(child) || status.contains("State:\tZ")
    })
    .await;
    assert!(other.try_wait().unwrap().is_none(), "it was left alone");
    other.kill().unwrap();
    other.wait().unwrap();
    stop(agent).await;
}

#[tokio::test]
async fn an_agent_that_was_down_locks_out_before_it_runs_anything() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let mut agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    allocator.results(1).await;
    noted(&vm, 1).await;
    agent.kill().await.unwrap();
    assert!(host_file(&vm).exists());

    allocator.lock_out(7, 2);
    let mut agent = vm.agent(&allocator.url).spawn().unwrap();
    assert_eq!(allocator.results(2).await[1], told(7, 2, "locked_out"));
    assert!(!host_file(&vm).exists());
    noted(&vm, 2).await;

    // Told once: it is not done again.
    agent.kill().await.unwrap();
    let again = vm.agent(&allocator.url).spawn().unwrap();
    let started = |told: &crate::allocator::Told| told.bodies("/api/vm-status").len() == 3;
    allocator.told("the third agent", started).await;
    allocator.claim(7, 3);
    assert_eq!(allocator.results(3).await[2], told(7, 3, "connected"));
    stop(again).await;
}

/// The command is carried out, and the allocator has heard of it.
async fn noted(vm: &Vm, command_no: i32) {
    let handled = vm.state().join("handled.json");
    let wanted = format!(r#"{{"claim_id":7,"command_no":{command_no}}}"#);
    until("it is noted", || fs::read_to_string(&handled).is_ok_and(|text| text == wanted)).await;
}

#[tokio::test]
async fn whatever_an_account_of_the_installers_runs_ends_and_its_files_stay() {
    let Some(user) = ThrowAway::new(STAYS) else { return };
    user.mark(user.uid);
    let allocator = Allocator::start().await;
    let _agent = user.agent(&allocator.url).spawn().unwrap();
    allocator.claim(user.claim, 1);
    allocator.results(1).await;
    user.run("echo result > ~/a.slp");
    let mut hidden = user.start("trap '' TERM HUP; while :; do sleep 0.02 & wait $!; done");
    allocator.lock_out(user.claim, 2);
    assert_eq!(allocator.results(2).await[1], told(user.claim, 2, "locked_out"));
    hidden.wait().unwrap();
    assert_eq!(user.processes(), 0);
    assert!(user.home().join("a.slp").exists(), "files stay");
    assert!(!user.home().join(".config/chrome-remote-desktop/host#1.json").exists());
}
