//! A script in every field that a person or a VM can fill never becomes a part of a page.

use axum::{body::Body, http::Request};
use lablink_web::AgentAuth;
use serde_json::json;

use crate::app::{App, LOG_TOKEN, With, form, get, json as post_json};

const SCRIPT: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
const VM: &str = "lablink-vm-test-1";

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Everything that takes a text, as a VM, a participant and an organiser would send it.
fn posts(claim: &str, agent: &str) -> Vec<Request<Body>> {
    let bad = encoded(SCRIPT);
    let as_agent = |path: &str, body| post_json(path, &body).with("authorization", agent);
    let gpu = json!({
        "hostname": VM, "gpu_status": "Unhealthy", "verdict": "unhealthy", "reason": SCRIPT,
    });
    let beat = json!({
        "hostname": VM, "agent_version": SCRIPT, "gpu_driver": SCRIPT,
        "gpus": [{ "index": 0, "name": SCRIPT }],
    });
    let logs = json!({ "log_group": SCRIPT, "log_stream": VM, "messages": [SCRIPT] });
    let as_forwarder = format!("Bearer {LOG_TOKEN}");
    vec![
        as_agent("/api/gpu_health", gpu),
        as_agent("/api/agent/heartbeat", beat),
        as_agent(&format!("/api/vm-metrics/{VM}"), json!({ SCRIPT: SCRIPT })),
        as_agent("/api/vm-status", json!({ "hostname": VM, "status": SCRIPT })),
        as_agent(
            "/api/agent/claim-result",
            json!({ "hostname": VM, "claim_id": 1, "outcome": "failed", "detail": SCRIPT }),
        ),
        post_json("/api/vm-logs", &logs).with("authorization", &as_forwarder),
        form("/api/request_vm", &format!("email={bad}&crd_command={bad}&access_code={bad}")),
        form("/line", &format!("email={bad}&crd_command={bad}")),
        form(&format!("{claim}/command"), &format!("crd_command={bad}")),
        form("/api/launch", &format!("num_vms={bad}")).by_admin(),
        form("/destroy", &format!("hostname={bad}&confirm=yes")).by_admin(),
        form("/api/vms", &format!("hostname={bad}")).by_admin(),
        form("/api/admin/set-aws-credentials", &format!("aws_access_key_id={bad}")).by_admin(),
    ]
}

#[tokio::test]
async fn a_script_in_every_field_stays_a_text_on_every_page() {
    let app = App::with_running_on_aws(1).await;
    let agent = app.agent(VM).await;
    // An address may hold a tag: nobody but its owner can say what is one.
    let email = encoded("<script>alert(1)</script>@example.org");
    let typed = format!("email={email}&crd_command=--code%3D4%2Fx");
    let claimed = app.call(form("/api/request_vm", &typed)).await.json();
    let claim = claimed["claim_url"].as_str().unwrap();
    let claim = &claim[claim.find("/claims/").unwrap()..];

    for post in posts(claim, &agent) {
        let path = post.uri().to_string();
        let answer = app.call(post.by_browser()).await;
        assert_harmless(&path, &answer.body);
        assert!(!answer.status.is_server_error(), "{path}: {}", answer.status);
    }
    let bad = encoded(SCRIPT);
    let pages = [
        "/".to_owned(),
        claim.to_owned(),
        "/admin".to_owned(),
        "/admin/create".to_owned(),
        "/admin/participants".to_owned(),
        "/admin/instances".to_owned(),
        "/admin/instances/delete".to_owned(),
        "/admin/machines".to_owned(),
        "/admin/aws".to_owned(),
        "/admin/log".to_owned(),
        "/admin/operations".to_owned(),
        "/admin/operations/1".to_owned(),
        format!("/admin/vms/{VM}"),
        format!("/admin/vms/{VM}/release"),
        format!("/admin/logs/{VM}"),
        format!("/admin/logs/{VM}?search=script"),
        format!("/admin/logs/{VM}?search={bad}"),
        format!("/admin/instances?q={bad}&sort={bad}"),
        format!("/admin/instances?state={bad}"),
        format!("/admin/operations?kind={bad}"),
        format!("/admin/operations?state={bad}"),
        format!("/admin/vms/{bad}"),
        format!("/claims/{bad}"),
        format!("/line/{bad}"),
        format!("/{bad}"),
    ];
    let mut shown = 0;
    for path in pages {
        let answer = app.call(get(&path).by_admin().by_browser()).await;
        assert_harmless(&path, &answer.body);
        assert!(!answer.status.is_server_error(), "{path}: {}", answer.status);
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        shown += answer.body.matches("&#60;script&#62;alert").count();
    }
    assert!(shown >= 5, "the texts are on the pages, escaped: {shown}");
}

#[tokio::test]
async fn a_host_name_of_an_unproven_agent_is_no_script() {
    let app = App::new(AgentAuth::Open).await;
    let report = json!({ "hostname": SCRIPT, "status": "running" });
    let refused = app.call(post_json("/api/vm-status", &report).by_browser()).await;
    assert_eq!(refused.status.as_u16(), 422);
    assert_harmless("/api/vm-status", &refused.body);
}

fn assert_harmless(path: &str, body: &str) {
    for tag in ["<script>alert", "<img src=x", "onerror=alert(1)>\""] {
        assert!(!body.contains(tag), "{path} holds {tag}: {body}");
    }
}
