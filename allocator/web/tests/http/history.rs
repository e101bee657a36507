//! What changes is told in the pool's history.

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use lablink_core::{agents, scope::Key};
use lablink_web::{access_table, begins_table};
use serde_json::{Value, json};

use crate::{
    app::{App, With, form, get, json as post_json},
    once::{ADA, By, ONE, call, scene},
};

/// Posts that change no VM, claim, place or operation.
const TELL_NOTHING: [(&str, &str); 7] = [
    ("/changes", "It only listens."),
    ("/admin/changes", "It only listens."),
    ("/vm_startup", "It only waits."),
    ("/api/agent/token", "The new token counts from its first use, which is told then."),
    ("/api/agent/heartbeat", "A VM that is heard again is told when somebody notices."),
    ("/api/vm-metrics/{hostname}", "It says how long parts of a start took."),
    ("/api/vm-logs", "It brings lines of a log."),
];

/// A pool in which this VM has something to report by this route.
async fn by_agent(path: &str) -> (App, Request<Body>) {
    let app = App::with_running(1).await;
    if path == "/api/agent/enrol" {
        let token = agents::issue_enrolment(&app.scope(), &ONE.parse().unwrap()).await.unwrap();
        let token = token.unwrap();
        let body = json!({ "hostname": ONE, "enrolment_token": token.reveal() });
        return (app, post_json(path, &body));
    }
    let agent = app.agent(ONE).await;
    let mut body = match path {
        "/api/vm-status" => json!({ "status": "error" }),
        "/api/update_inuse_status" => json!({ "status": true }),
        "/api/gpu_health" => json!({ "gpu_status": "Unhealthy" }),
        "/api/agent/claim-result" => json!({ "claim_id": 1, "outcome": "connected" }),
        "/api/agent/clean-result" => json!({ "claim_id": 1, "outcome": "cleaned" }),
        other => panic!("{other} changes something: say here how, or above why it tells nothing"),
    };
    body["hostname"] = Value::from(ONE);
    if path.ends_with("-result") || path == "/api/update_inuse_status" {
        assert_eq!(app.call(form("/api/request_vm", ADA)).await.status, StatusCode::CREATED);
    }
    if path == "/api/agent/clean-result" {
        app.sql("update vm set source = 'manual'").await;
        let free = form(&format!("/api/vms/{ONE}/release"), "").by_admin();
        assert_eq!(app.call(free).await.status, StatusCode::OK);
    }
    (app, post_json(path, &body).with("authorization", &agent))
}

async fn newest(app: &App) -> String {
    app.text("select coalesce(max(id), 0)::text from event").await
}

#[tokio::test]
async fn every_route_that_changes_something_leaves_an_event() {
    let begins: Vec<_> =
        begins_table().into_iter().map(|(method, path, _)| (method, path)).collect();
    for (method, path, action) in access_table() {
        if method == Method::GET || TELL_NOTHING.iter().any(|(silent, _)| *silent == path) {
            continue;
        }
        let (app, request) = if begins.contains(&(method.clone(), path)) {
            let (app, at, body) = scene(&method, path).await;
            (app, call(&method, &at, body, Key::random().reveal(), By::Program))
        } else {
            by_agent(path).await
        };
        let before = newest(&app).await;
        let answer = app.call(request).await;
        let done = answer.status.is_success() || answer.status == StatusCode::SEE_OTHER;
        assert!(done, "{method} {path}: {} {}", answer.status, answer.body);
        assert_ne!(newest(&app).await, before, "{method} {path} ({action:?}) leaves no event");
    }
}

#[test]
fn what_tells_nothing_is_there() {
    for (path, _) in TELL_NOTHING {
        assert!(access_table().iter().any(|(_, there, _)| *there == path), "{path}");
    }
}

/// Another version may run beside this one, or have run before it.
#[tokio::test]
async fn an_event_that_only_another_version_knows_is_shown_with_its_word() {
    let app = App::with_running(1).await;
    app.sql(
        "insert into event (pool_id, actor, kind, vm_id, data)
         select pool_id, 'admin:teacher', 'vm.lent_<out>', id, '{\"to\": \"ada\"}' from vm",
    )
    .await;
    let told = app.call(get("/api/events").by_admin()).await.json()["events"][0].clone();
    assert_eq!((&told["kind"], &told["data"]["to"]), (&json!("vm.lent_<out>"), &json!("ada")));
    for path in ["/admin", &format!("/admin/vms/{ONE}")] {
        let page = app.call(get(path).by_browser().by_admin()).await.body;
        assert!(page.contains(&format!("vm.lent_&#60;out&#62;: {ONE}")), "{path}: {page}");
    }
}
