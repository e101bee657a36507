//! How VMs of which nothing is heard are shown.

use std::time::Duration;

use axum::http::StatusCode;
use lablink_core::vms::{self, Limits};
use serde_json::json;

use crate::app::{App, With, form, get, json as post_json};

const LIMITS: Limits =
    Limits { suspect_after: Duration::from_secs(180), overdue_after: Duration::from_secs(1200) };

async fn page(app: &App, path: &str) -> String {
    let ask = get(path).by_admin();
    let answer = app.call(if path.starts_with("/api/") { ask } else { ask.by_browser() }).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    answer.body
}

async fn point_out(app: &App) {
    vms::notice(&app.scope()).await.unwrap();
    vms::point_out(&app.scope(), LIMITS).await.unwrap();
}

#[tokio::test]
async fn an_overdue_vm_is_counted_listed_and_says_what_to_do_next() {
    let app = App::with_running(1).await;
    app.launch(1).await;
    app.sql(
        "insert into operation_vm values
             (2, 'lablink-vm-test-2', 'done', now() - interval '25 minutes', now())",
    )
    .await;
    point_out(&app).await;
    let vm = "/admin/vms/lablink-vm-test-2";
    for (path, keys) in [
        ("/admin", &["show=overdue", "is overdue: its agent has not reported"][..]),
        ("/admin/instances?state=overdue", &[">Overdue<", ">lablink-vm-test-2<", "25 min ago"]),
        (vm, &["What to do next", "agent.log", "replace it", "Since <time"]),
        ("/admin/operations/2", &["Not finished", "has not reported that it runs", "agent.log"]),
        ("/admin/logs/lablink-vm-test-2", &["What to do next"]),
        ("/metrics", &["lablink_vms{state=\"overdue\"} "]),
        ("/api/vms/lablink-vm-test-2", &["\"overdue_at\":\"2"]),
    ] {
        let shown = page(&app, path).await;
        for key in keys {
            assert!(shown.contains(key), "{path}: {key}: {shown}");
        }
    }
    assert!(page(&app, "/admin/instances?state=starting").await.contains("No VM matches"));
    let agent = app.agent("lablink-vm-test-2").await;
    let running = json!({"hostname": "lablink-vm-test-2", "status": "running"});
    let told = app.call(post_json("/api/vm-status", &running).with("authorization", &agent)).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.body);
    let shown = page(&app, vm).await;
    assert!(shown.contains("to running, after it was overdue"));
    assert!(!shown.contains("What to do next"));
}

#[tokio::test]
async fn a_silent_agent_is_told_to_the_organiser_and_to_the_participant() {
    let app = App::with_running(1).await;
    let ada = form("/api/request_vm", "email=ada%40example.org&crd_command=--code%3D4%2Fx");
    let link = app.call(ada.by_browser()).await.header("location").to_owned();
    let agent = app.agent("lablink-vm-test-1").await;
    let beat = json!({"hostname": "lablink-vm-test-1"});
    let beat = || post_json("/api/agent/heartbeat", &beat).with("authorization", &agent);
    app.call(beat()).await;
    app.sql("update vm_presence set last_seen = now() - interval '4 minutes'").await;
    assert!(!page(&app, &link).await.contains("has not answered for some minutes"));
    point_out(&app).await;
    assert!(page(&app, &link).await.contains("has not answered for some minutes"));
    for (path, keys) in [
        ("/admin", &["show=suspect", "is suspect: nothing is heard"][..]),
        ("/admin/instances?state=suspect", &[">Suspect<", "ada@example.org", "4 min ago"]),
        ("/admin/vms/lablink-vm-test-1", &["What to do next", "Reboot it", "Since <time"]),
        ("/metrics", &["lablink_vms{state=\"suspect\"} "]),
        ("/api/vms", &["\"suspect_at\":\"2"]),
    ] {
        let shown = page(&app, path).await;
        for key in keys {
            assert!(shown.contains(key), "{path}: {key}: {shown}");
        }
    }
    app.call(beat()).await;
    assert!(!page(&app, &link).await.contains("has not answered for some minutes"), "at once");
    point_out(&app).await;
    assert!(page(&app, "/admin").await.contains("lablink-vm-test-1 is heard again"));
}
