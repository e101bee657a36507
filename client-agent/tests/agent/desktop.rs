//! The desktop in a tab, with the real VNC server where that is installed.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use axum::extract::ws::{Message, WebSocket};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    allocator::Allocator,
    vm::{STAYS, Vm, stop, until},
};

/// Says so where a test can't be run.
fn has_server() -> bool {
    let there = Path::new("/usr/bin/Xtigervnc").exists() && Path::new("/usr/bin/openbox").exists();
    if !there {
        eprintln!("skipped: tigervnc-standalone-server and openbox are not installed");
    }
    there
}

/// The processes of a VM's account that run a program with this in its command line.
fn running(vm: &Vm, program: &str) -> Vec<i32> {
    let home = format!("HOME={}\0", vm.home().display());
    let of_vm = |pid: &i32| {
        let read = |file| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let (environment, command) = (read("environ"), read("cmdline"));
        String::from_utf8_lossy(&environment).contains(&home)
            && String::from_utf8_lossy(&command).split('\0').next().unwrap().contains(program)
    };
    let all = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    all.filter(of_vm).collect()
}

fn servers(vm: &Vm) -> Vec<i32> {
    running(vm, "Xtigervnc")
}

/// Where a server's socket is, by its command line.
fn socket_of(pid: i32) -> PathBuf {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    let command = String::from_utf8(command).unwrap();
    let path = command.split('\0').skip_while(|word| *word != "-rfbunixpath").nth(1);
    path.unwrap().into()
}

/// What a VNC server says first.
async fn greets(socket: &mut WebSocket) {
    loop {
        match timeout(Duration::from_secs(20), socket.recv()).await.expect("it says nothing") {
            Some(Ok(Message::Binary(bytes))) => return assert_eq!(&bytes[..], b"RFB 003.008\n"),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn end(socket: &mut WebSocket) -> String {
    loop {
        match timeout(Duration::from_secs(20), socket.recv()).await.expect("it stays open") {
            Some(Ok(Message::Close(Some(frame)))) => return frame.reason.to_string(),
            Some(Ok(Message::Close(None)) | Err(_)) | None => return "broken off".to_owned(),
            Some(Ok(_)) => {}
        }
    }
}

#[tokio::test]
async fn a_claim_without_a_command_has_a_desktop_that_its_channels_lead_to_until_it_ends() {
    if !has_server() {
        return;
    }
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let agent = vm.agent(&allocator.url).spawn().unwrap();
    let told = |told: &crate::allocator::Told| {
        told.bodies("/api/agent/heartbeat").iter().any(|beat| beat["desktop"] == "possible")
    };
    allocator.told("that a desktop is possible", told).await;
    allocator.claim_for_tab(7, 1);
    let connected = json!({ "hostname": "lablink-vm-test-1", "claim_id": 7, "command_no": 1,
                            "outcome": "connected" });
    assert_eq!(allocator.results(1).await, [connected]);
    assert!(!vm.home().join("pids").exists(), "no Chrome Remote Desktop was started");

    let mut first = allocator.channel().await;
    greets(&mut first).await;
    let mut second = allocator.channel().await;
    greets(&mut second).await;
    let [server] = servers(&vm)[..] else { panic!("{:?}", servers(&vm)) };
    let socket = socket_of(server);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o600, 0o700));

    allocator.release();
    end(&mut first).await;
    end(&mut second).await;
    until("the server has ended", || servers(&vm).is_empty()).await;
    until("its folder is gone", || !socket.parent().unwrap().exists()).await;
    stop(agent).await;
    vm.assert_log_holds_no_secret();
}

#[tokio::test]
async fn a_desktop_that_ends_is_started_again_and_its_channels_say_so() {
    if !has_server() {
        return;
    }
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim_for_tab(7, 1);
    let mut channel = allocator.channel().await;
    greets(&mut channel).await;
    let [server] = servers(&vm)[..] else { panic!("{:?}", servers(&vm)) };
    kill(Pid::from_raw(server), Signal::SIGKILL).unwrap();
    assert_eq!(end(&mut channel).await, "not_running");
    let mut again = allocator.channel().await;
    greets(&mut again).await;
    assert_ne!(servers(&vm), [server]);
    // It takes a moment longer than the server.
    until("the environment runs", || !running(&vm, "openbox").is_empty()).await;
    kill(Pid::from_raw(running(&vm, "openbox")[0]), Signal::SIGTERM).unwrap();
    assert_eq!(end(&mut again).await, "not_running");
    greets(&mut allocator.channel().await).await;
}

#[tokio::test]
async fn a_command_of_chrome_remote_desktop_starts_no_server_before_a_channel_asks_for_one() {
    if !has_server() {
        return;
    }
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let mut agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.claim(7, 1);
    allocator.results(1).await;
    assert!(servers(&vm).is_empty());
    greets(&mut allocator.channel().await).await;
    assert_eq!(servers(&vm).len(), 1);
    // However the agent ends, nothing is left.
    agent.start_kill().unwrap();
    until("the server has ended with its agent", || servers(&vm).is_empty()).await;
}
