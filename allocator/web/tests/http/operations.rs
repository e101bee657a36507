//! What an organiser does with operations, beside starting and cancelling them.

use axum::http::StatusCode;
use lablink_core::operations::{self, LogLevel, OperationState, Outcome, Report, Stage, Step};
use lablink_protocol::Hostname;
use serde_json::json;

use crate::app::{App, With, form, get, kinds};

/// A launch of two VMs of which one failed, done by hand.
async fn with_a_failure() -> App {
    let app = App::with_running(2).await;
    let taken = operations::take(&app.scope(), "test", &kinds()).await.unwrap().unwrap();
    let hostname: Hostname = "lablink-vm-test-2".parse().unwrap();
    let lines: Vec<_> = (1..=600)
        .map(|line| (LogLevel::Info, format!("line {line}.")))
        .chain([(LogLevel::Error, "no <room>".to_owned())])
        .collect();
    let steps = [Step {
        stage: Stage::Failed,
        detail: Some("AWS has no room.".to_owned()),
        ..Step::waiting(hostname)
    }];
    let report = Report { done: 1, total: 2, lines: &lines, steps: &steps, ..Report::default() };
    taken.lease.advance(&report).await.unwrap();
    let outcome = Outcome {
        state: OperationState::Failed,
        exit_code: Some(1),
        reason: Some("AWS has no room.".to_owned()),
    };
    taken.lease.finish(&outcome).await.unwrap();
    app.sql("update vm set status = 'error' where number = 2").await;
    app
}

#[tokio::test]
async fn the_page_tells_each_vm_and_offers_a_retry() {
    let app = with_a_failure().await;
    let page = app.call(get("/admin/operations/1").by_browser().by_admin()).await.body;
    for key in ["Retry 1 VM", "Remove what failed", "AWS has no room.", "no &#60;room&#62;"] {
        assert!(page.contains(key), "{key}");
    }
    let json = app.call(get("/api/operations/1").by_admin()).await.json();
    assert_eq!(json["vms"][0]["stage"], "failed");
    assert_eq!(json["vms"][0]["hostname"], "lablink-vm-test-2");

    let answer = app.call(form("/api/operations/1/retry", "").by_admin()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let retry = app.call(get(answer.header("location")).by_admin()).await.json();
    assert_eq!(retry["hostnames"], json!(["lablink-vm-test-2"]));
    let twice = app.call(form("/api/operations/1/retry", "").by_admin()).await;
    assert_eq!(twice.status, StatusCode::CONFLICT, "it is queued already");
    let missing = app.call(form("/api/operations/99/retry", "").by_admin()).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let page = app.call(get("/admin/operations/1").by_browser().by_admin()).await.body;
    assert!(!page.contains("Retry 1 VM"));
}

#[tokio::test]
async fn the_log_is_shown_in_parts_and_downloaded_whole() {
    let app = with_a_failure().await;
    let page = app.call(get("/admin/operations/1").by_browser().by_admin()).await.body;
    assert!(page.contains("line 600.") && !page.contains("line 101."));
    let older = page.split("href=\"").find(|rest| rest.contains("log_before=")).unwrap();
    let older = older.split('"').next().unwrap();
    let older = app.call(get(older).by_browser().by_admin()).await.body;
    assert!(
        older.contains("line 101.") && older.contains("line 1.") && !older.contains("line 102.")
    );

    let file = app.call(get("/admin/operations/1/log").by_admin()).await;
    assert!(file.header("content-type").starts_with("text/plain"));
    assert!(file.header("content-disposition").contains("operation-1.log"));
    assert_eq!(file.body.lines().count(), 601);
    assert!(file.body.contains("error no <room>"));
    assert_eq!(app.call(get("/admin/operations/99/log").by_admin()).await.status, 404);
}

#[tokio::test]
async fn the_list_can_be_limited_to_a_kind_and_a_state() {
    let app = with_a_failure().await;
    app.call(form("/destroy", "hostname=lablink-vm-test-1").by_admin()).await;
    let listed = async |query: &str| {
        let json = app.call(get(&format!("/api/operations?{query}")).by_admin()).await.json();
        let operations = json["operations"].as_array().unwrap().iter();
        operations.map(|it| it["operation_id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, [2, 1]);
    assert_eq!(listed("kind=launch").await, [1]);
    assert_eq!(listed("kind=&state=queued").await, [2]);
    assert_eq!(listed("kind=launch&state=queued").await, Vec::<i64>::new());
    let wrong = app.call(get("/api/operations?state=lost").by_admin()).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = app.call(get("/admin/operations?kind=launch").by_browser().by_admin()).await.body;
    assert!(page.contains("Launch 2 VMs") && !page.contains("Destroy 1 VM"));
}

#[tokio::test]
async fn one_vm_is_replaced() {
    let app = App::with_running(2).await;
    let answer = app.call(form("/api/vms/lablink-vm-test-1/replace", "").by_admin()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let operation = app.call(get(answer.header("location")).by_admin()).await.json();
    assert_eq!(
        (&operation["kind"], &operation["hostnames"]),
        (&json!("replace"), &json!(["lablink-vm-test-1"]))
    );
    assert_eq!(app.call(get("/api/unassigned_vms_count")).await.json()["count"], 1);
    let unknown = app.call(form("/api/vms/nobody/replace", "").by_admin()).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}
