use std::{fs, time::Duration};

use axum::{Router, http::StatusCode, routing::post};
use serde_json::json;
use tokio::{net::TcpListener, process::Command};

use crate::{
    allocator::Allocator,
    vm::{STAYS, Vm, until},
};

#[tokio::test]
async fn status_life_and_use_are_reported() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let software = format!("software{}", std::process::id());
    let program = vm.home().join(&software);
    fs::copy("/bin/sleep", &program).unwrap();
    let _agent = vm.agent(&allocator.url).env("SUBJECT_SOFTWARE", &software).spawn().unwrap();
    let told = allocator
        .told("all reports", |told| {
            told.bodies("/api/agent/heartbeat").len() >= 2
                && !told.bodies("/api/vm-status").is_empty()
                && !told.bodies("/api/update_inuse_status").is_empty()
        })
        .await;
    let host = "lablink-vm-test-1";
    assert_eq!(told.bodies("/api/vm-status"), [&json!({"hostname": host, "status": "running"})]);
    let first = told.bodies("/api/agent/heartbeat")[0];
    assert_eq!(first["hostname"], host);
    assert!(first["memory_total_bytes"].is_u64() && first["disk_percent"].is_u64(), "{first}");
    let second = told.bodies("/api/agent/heartbeat")[1];
    assert_eq!(second["memory_total_bytes"], json!(null), "it has not changed: {second}");
    let in_use = "/api/update_inuse_status";
    let idle = told.bodies(in_use)[0];
    assert_eq!((&idle["hostname"], &idle["status"]), (&json!(host), &json!(false)));

    let _running = Command::new(program).arg("30").kill_on_drop(true).spawn().unwrap();
    let told = allocator.told("use", |told| told.bodies(in_use).len() == 2).await;
    let used = told.bodies(in_use)[1];
    assert_eq!((&used["hostname"], &used["status"]), (&json!(host), &json!(true)));
    assert!(used["since"].as_u64() > idle["since"].as_u64(), "{idle} {used}");
}

#[tokio::test]
async fn the_times_of_the_start_are_read_where_they_are() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let record = vm.home().join("status.json");
    let stages = json!({"v1": {
        "init-local": {"start": 100.5, "finished": 101.0},
        "modules-final": {"start": 150.0, "finished": 160.25},
    }});
    fs::write(&record, stages.to_string()).unwrap();
    let mut command = vm.agent(&allocator.url);
    let _agent = command
        .env("LABLINK_CLOUD_INIT", &record)
        .env("LABLINK_STARTED_AT", "1700000000")
        .spawn()
        .unwrap();
    let path = "/api/vm-metrics/lablink-vm-test-1";
    let told = allocator.told("times", |told| told.bodies(path).len() == 2).await;
    let container = told.bodies(path)[0];
    assert_eq!(container["container_start_time"], 1_700_000_000);
    let seconds = container["container_end_time"].as_u64().unwrap() - 1_700_000_000;
    assert_eq!(container["container_startup_duration_seconds"], seconds);
    let cloud_init = json!({
        "cloud_init_start": 100, "cloud_init_end": 160, "cloud_init_duration_seconds": 60,
    });
    assert_eq!(told.bodies(path)[1], &cloud_init);
}

#[tokio::test]
async fn redirects_keep_method_body_and_token_but_stay_on_the_host() {
    let allocator = Allocator::start().await;
    let to = allocator.url.clone();
    let redirect = move |uri: axum::http::Uri| async move {
        (StatusCode::MOVED_PERMANENTLY, [("location", format!("{to}{}", uri.path()))])
    };
    let proxy = Router::new().fallback(post(redirect));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let _server = tokio::spawn(async move { axum::serve(listener, proxy).await.unwrap() });

    let vm = Vm::with_remote_desktop(STAYS);
    let _agent = vm.agent(&format!("http://127.0.0.1:{port}")).spawn().unwrap();
    allocator.told("the wait", |told| !told.bodies("/vm_startup").is_empty()).await;

    let other = Vm::with_remote_desktop(STAYS);
    let _other = other.agent(&format!("http://localhost:{port}")).spawn().unwrap();
    until("the refusal", || {
        let log = fs::read_to_string(other.log()).unwrap();
        log.contains("redirects to another host: write the final address in ALLOCATOR_URL")
    })
    .await;
}

#[tokio::test]
async fn a_proxy_in_the_environment_is_used_except_where_it_must_not() {
    let proxy = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let _agent = vm.agent("http://lablink.invalid").env("http_proxy", &proxy.url).spawn().unwrap();
    proxy.told("the wait", |told| !told.bodies("/vm_startup").is_empty()).await;

    let direct = Allocator::start().await;
    let other = Vm::with_remote_desktop(STAYS);
    let mut command = other.agent(&direct.url);
    let _other = command
        .env("http_proxy", "http://127.0.0.1:9")
        .env("no_proxy", "127.0.0.1")
        .spawn()
        .unwrap();
    direct.told("the wait", |told| !told.bodies("/vm_startup").is_empty()).await;
}

#[tokio::test]
async fn wrong_settings_are_told_in_a_sentence() {
    let agent = |arguments: &'static [&'static str]| async move {
        let output =
            Command::new(env!("CARGO_BIN_EXE_lablink-client")).env_clear().args(arguments).output();
        let output = tokio::time::timeout(Duration::from_secs(5), output).await.unwrap().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let said = agent(&["run", "--allocator-url", "lab.org", "--hostname", "a"]).await;
    assert!(said.contains("write it as http://HOST:PORT or https://HOST"), "{said}");
    let said = agent(&["run", "--allocator-url", "http://a", "--hostname", "a b"]).await;
    assert!(said.contains("'a b' is not a valid hostname"), "{said}");
    let said =
        agent(&["run", "--allocator-url", "http://a", "--hostname", "a", "--state-dir", "/proc/x"])
            .await;
    assert!(said.contains("choose another with --state-dir"), "{said}");
}
