use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    allocator::Allocator,
    vm::{REFUSES, REGISTERS_AND_FAILS, STAYS, Vm, runs, stop, until},
};

const ONE_CALL: &str = "--code=4/0Abc-def
--redirect-url=https://remotedesktop.google.com/_/oauthredirect
--name=lablink-vm-test-1
654321
654321


";

fn connected(claim_id: i64, command_no: i32) -> serde_json::Value {
    json!({
        "hostname": "lablink-vm-test-1", "claim_id": claim_id, "command_no": command_no,
        "outcome": "connected",
    })
}

#[tokio::test]
async fn a_claim_starts_the_remote_desktop_and_is_reported() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let agent = vm
        .agent(&allocator.url)
        .env("LABLINK_ENROLMENT_TOKEN", "a-secret-that-no-child-may-see")
        .spawn()
        .unwrap();
    allocator.told("the wait", |told| !told.bodies("/vm_startup").is_empty()).await;

    let claimed_at = Instant::now();
    allocator.claim(7, 1);
    assert_eq!(allocator.results(1).await, [connected(7, 1)]);
    assert!(claimed_at.elapsed() < Duration::from_secs(2), "{:?}", claimed_at.elapsed());
    assert_eq!(vm.text("calls"), ONE_CALL);

    let told = allocator.told("the next wait", |told| told.bodies("/vm_startup").len() == 2).await;
    let waits = told.bodies("/vm_startup");
    assert_eq!(waits[0]["seen"], json!({}));
    assert_eq!(waits[1]["seen"], json!({"claim_id": 7, "command_no": 1}));

    let [program] = vm.pids()[..] else { panic!("{:?}", vm.pids()) };
    assert!(runs(program), "the remote desktop must live on");
    stop(agent).await;
    assert!(!runs(program), "the remote desktop must end with the agent");
    vm.assert_log_holds_no_secret();
}

#[tokio::test]
async fn a_new_command_of_the_same_claim_replaces_the_remote_desktop() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    allocator.results(1).await;
    allocator.claim(7, 2);
    assert_eq!(allocator.results(2).await, [connected(7, 1), connected(7, 2)]);
    let [first, second] = vm.pids()[..] else { panic!("{:?}", vm.pids()) };
    assert!(!runs(first) && runs(second));
}

#[tokio::test]
async fn a_release_ends_the_remote_desktop_and_forgets_the_claim() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    allocator.results(1).await;
    let handled = vm.state().join("handled.json");
    assert!(handled.exists());

    allocator.release();
    until("the program ends", || !runs(vm.pids()[0])).await;
    until("the claim is forgotten", || !handled.exists()).await;
    allocator.claim(8, 1);
    assert_eq!(allocator.results(2).await[1], connected(8, 1));
}

#[tokio::test]
async fn a_restarted_agent_does_not_repeat_a_handled_command() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    allocator.results(1).await;
    until("the report is noted", || {
        let handled = std::fs::read_to_string(vm.state().join("handled.json")).unwrap();
        handled == r#"{"claim_id":7,"command_no":1}"#
    })
    .await;
    stop(agent).await;

    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    let beats = |told: &crate::allocator::Told| told.bodies("/api/vm-status").len() == 2;
    allocator.told("the second agent", beats).await;
    allocator.claim(7, 2);
    assert_eq!(allocator.results(2).await, [connected(7, 1), connected(7, 2)]);
    assert_eq!(vm.text("calls"), ONE_CALL.repeat(2));
}

#[tokio::test]
async fn a_result_that_was_not_reported_is_reported_after_a_restart() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    std::fs::create_dir(vm.state()).unwrap();
    let handled = json!({"claim_id": 7, "command_no": 1, "unreported": connected(7, 1)});
    std::fs::write(vm.state().join("handled.json"), handled.to_string()).unwrap();
    allocator.claim(7, 1);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    assert_eq!(allocator.results(1).await, [connected(7, 1)]);
    assert_eq!(vm.text("calls"), "");
}

#[tokio::test]
async fn a_host_file_counts_more_than_the_exit_status() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(REGISTERS_AND_FAILS);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    assert_eq!(allocator.results(1).await, [connected(7, 1)]);
}

/// Notes how it is called, and whether it was given a folder for its sockets.
const SESSION: &str = r#"
[ -d "$XDG_RUNTIME_DIR" ] && echo "$*" >> "$HOME/session"
"#;

#[tokio::test]
async fn a_session_that_start_host_can_not_start_is_started_and_ends_with_the_claim() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(REGISTERS_AND_FAILS);
    vm.add_session_program(SESSION);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    assert_eq!(allocator.results(1).await, [connected(7, 1)]);
    assert_eq!(vm.text("session"), "--stop\n--start --new-session\n");
    allocator.release();
    until("the session ends", || vm.text("session").lines().count() == 3).await;
    assert_eq!(vm.text("session"), "--stop\n--start --new-session\n--stop\n");
}

#[tokio::test]
async fn a_session_program_that_hangs_does_not_hold_up_a_stop() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(REGISTERS_AND_FAILS);
    vm.add_session_program("touch \"$HOME/called\"; exec sleep 60");
    let agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    until("the program is called", || vm.home().join("called").exists()).await;
    stop(agent).await;
}

#[tokio::test]
async fn a_session_that_does_not_start_is_reported() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(REGISTERS_AND_FAILS);
    vm.add_session_program("[ $1 = --stop ] || exit 4");
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    let result = &allocator.results(1).await[0];
    assert_eq!(result["outcome"], "failed");
    let detail = result["detail"].as_str().unwrap();
    assert!(detail.starts_with("The desktop did not start (it ended with"), "{detail}");
    assert_eq!(result["fault"], "machine");
}

#[tokio::test]
async fn a_failing_program_is_reported_with_its_last_line_but_no_secret() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(REFUSES);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    let result = &allocator.results(1).await[0];
    assert_eq!(result["outcome"], "failed");
    let detail = result["detail"].as_str().unwrap();
    assert!(detail.starts_with("Chrome Remote Desktop did not accept the command"), "{detail}");
    assert!(detail.ends_with("It said: OAuth error for --code=…, PIN …"), "{detail}");
    assert_eq!(result["fault"], "command");
    vm.assert_log_holds_no_secret();
}

#[tokio::test]
async fn a_start_that_fails_through_the_machine_is_told_so() {
    for (script, said) in [
        ("kill -9 $$", "signal: 9"),
        ("exec /no/such/program", "127"),
        ("echo 'Must not run start-host as root.' >&2; exit 1", "Must not run start-host as root."),
        ("sh -c 'kill -SEGV $$'; exit $?", "139"),
    ] {
        let allocator = Allocator::start().await;
        let vm = Vm::with_remote_desktop(script);
        let _agent = vm.agent(&allocator.url).spawn().unwrap();
        allocator.claim(7, 1);
        let result = &allocator.results(1).await[0];
        assert_eq!((&result["outcome"], &result["fault"]), (&json!("failed"), &json!("machine")));
        let detail = result["detail"].as_str().unwrap();
        assert!(detail.contains("can't run on this machine"), "{detail}");
        assert!(detail.contains(said), "{detail}");
    }
}

#[tokio::test]
async fn a_missing_program_is_reported() {
    let allocator = Allocator::start().await;
    let vm = Vm::without_remote_desktop();
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    let result = &allocator.results(1).await[0];
    assert_eq!(result["outcome"], "failed");
    let detail = result["detail"].as_str().unwrap();
    assert!(detail.starts_with("This machine can't start Chrome Remote Desktop"), "{detail}");
    assert_eq!(result["fault"], "machine");
}
