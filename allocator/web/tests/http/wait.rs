use std::time::Duration;

use axum::http::StatusCode;
use futures_util::StreamExt;
use lablink_web::AgentAuth;
use serde_json::json;
use tokio::time::timeout;

use crate::app::{App, With, form, json};

const LONG: Duration = Duration::from_secs(10);
const ADA: &str = "email=ada%40example.org&crd_command=--code%3D4%2Fx";

async fn claim(app: &App) -> serde_json::Value {
    app.call(form("/api/request_vm", ADA)).await.json()
}

#[tokio::test]
async fn our_agent_hears_of_its_claim_and_of_its_end() {
    let app = App::with_running(1).await;
    let agent = app.agent("lablink-vm-test-1").await;
    let ask_with = |agent: &str, seen: serde_json::Value, seconds: u32| {
        let body = json!({"hostname": "lablink-vm-test-1", "seen": seen});
        json("/vm_startup", &body)
            .with("authorization", agent)
            .with("prefer", &format!("wait={seconds}"))
    };
    let ask = |seen, seconds| ask_with(&agent, seen, seconds);
    let nothing = app.call(ask(json!(null), 0)).await;
    assert_eq!(nothing.status, StatusCode::NO_CONTENT);

    let (answer, granted) = tokio::join!(app.call(ask(json!({}), 30)), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        claim(&app).await
    });
    let answer = answer.json();
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["pin"], granted["pin"]);
    assert!(answer["command"].as_str().unwrap().contains("--code=4/x "));

    let seen = json!({"claim_id": answer["claim_id"], "command_no": answer["command_no"]});
    assert_eq!(app.call(ask(seen.clone(), 0)).await.status, StatusCode::NO_CONTENT, "seen it");
    assert_eq!(
        app.call(ask(json!(null), 0)).await.json()["pin"],
        granted["pin"],
        "again after a reboot"
    );

    let release = form("/api/vms/lablink-vm-test-1/release", "then=reuse").by_admin();
    assert_eq!(app.call(release).await.status, StatusCode::OK);
    let agent = app.renewed("lablink-vm-test-1", &agent).await;
    let ended = app.call(ask_with(&agent, seen, 30)).await;
    assert_eq!(ended.json(), json!({"status": "released"}));
}

#[tokio::test]
async fn the_original_client_is_kept_alive_until_its_command_comes() {
    let app = App::new(AgentAuth::Open).await;
    app.launch(1).await;
    app.sql("update vm set status = 'running'").await;
    let response = app.send(json("/vm_startup", &json!({"hostname": "lablink-vm-test-1"}))).await;
    assert_eq!(response.status(), StatusCode::OK, "at once, before there is anything to say");
    let mut body = response.into_body().into_data_stream();
    assert!(timeout(Duration::from_millis(200), body.next()).await.is_err(), "it waits");
    let granted = claim(&app).await;
    let mut received = Vec::new();
    timeout(LONG, async {
        while let Some(piece) = body.next().await {
            received.extend(piece.unwrap());
        }
    })
    .await
    .unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&received).unwrap();
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["pin"], granted["pin"]);
}

#[tokio::test]
async fn a_stop_sends_every_waiter_away_to_come_again() {
    let app = App::new(AgentAuth::Open).await;
    app.launch(1).await;
    let body = json!({"hostname": "lablink-vm-test-1"});
    let original = app.send(json("/vm_startup", &body)).await;
    let ours = app.call(json("/vm_startup", &body).with("prefer", "wait=50"));
    let (ours, ()) = tokio::join!(ours, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        app.shutdown.cancel();
    });
    assert_eq!(ours.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!ours.header("retry-after").is_empty());
    let rest = axum::body::to_bytes(original.into_body(), 100).await.unwrap();
    assert!(rest.trim_ascii().is_empty(), "white space only: the original client comes again");
}

#[tokio::test]
async fn a_waiter_that_hangs_up_is_forgotten() {
    let app = App::with_running(1).await;
    let agent = app.agent("lablink-vm-test-1").await;
    let body = json!({"hostname": "lablink-vm-test-1"});
    let ours = json("/vm_startup", &body).with("authorization", &agent).with("prefer", "wait=50");
    assert!(timeout(Duration::from_millis(300), app.call(ours)).await.is_err());
    assert_eq!(app.hub.waiters(), 0);

    let original = app.send(json("/vm_startup", &body).with("authorization", &agent)).await;
    assert_eq!(app.hub.waiters(), 1);
    drop(original);
    assert_eq!(app.hub.waiters(), 0);
}

#[tokio::test]
async fn what_can_not_be_waited_for_is_told_before_the_wait() {
    let app = App::new(AgentAuth::Open).await;
    let missing = app.call(json("/vm_startup", &json!({}))).await;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    assert_eq!(missing.json()["error"], "Hostname is required.");
    let unknown = app.call(json("/vm_startup", &json!({"hostname": "desk-7"}))).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.json()["error"], "VM not found.");
}
