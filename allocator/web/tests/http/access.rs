use axum::http::{Method, StatusCode};
use lablink_core::{Action, Actor, Grants, Resource, Role, can};
use lablink_web::{AgentAuth, access_table};
use serde_json::json;

use crate::app::{App, With, form, get, json};

const ADMIN_PAGES: [&str; 11] = [
    "/admin",
    "/admin/create",
    "/admin/instances",
    "/admin/instances/delete",
    "/admin/operations",
    "/admin/operations/1",
    "/admin/log",
    "/api/operations",
    "/api/operations/1",
    "/api/operations/1/events",
    "/api/vm-status",
];

#[tokio::test]
async fn organisers_pages_ask_for_a_login() {
    let app = App::with_running(1).await;
    let agent = app.agent("lablink-vm-test-1").await;
    for path in ADMIN_PAGES {
        let answer = app.call(get(path)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"LabLink\", charset=\"UTF-8\"");
        assert_eq!(answer.json()["code"], "unauthorized");
        let wrong = app.call(get(path).with("authorization", "Basic dGVhY2hlcjp3cm9uZw==")).await;
        // After ten, none is looked at.
        let refusals = [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS];
        assert!(refusals.contains(&wrong.status), "{path}: {}", wrong.status);
        let answer = app.call(get(path).with("authorization", &agent)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} to an agent");
    }
    for path in ["/api/launch", "/destroy", "/api/operations/1/cancel"] {
        assert_eq!(
            app.call(form(path, "num_vms=1")).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
}

/// Whoever adds a public route says so here as well: a slip in one place shows.
const PUBLIC: [&str; 27] = [
    "/",
    "/api/request_vm",
    "/api/unassigned_vms_count",
    "/claims/{link}",
    "/claims/{link}/desktop",
    "/claims/{link}/channel/{target}",
    "/claims/{link}/command",
    "/claims/{link}/events",
    "/claims/{link}/return",
    "/install",
    "/install/lablink-client",
    "/line",
    "/line/{link}",
    "/line/{link}/claim",
    "/line/{link}/leave",
    "/line/{link}/events",
    "/changes",
    "/assets/{name}",
    "/assets/fetched/{version}/{*path}",
    // It asks for the secret of the channel.
    "/api/channels/{channel_id}",
    "/api/agent/enrol",
    "/healthz",
    "/health",
    "/api/health",
    "/readyz",
    "/metrics",
    "/openapi.json",
];

#[tokio::test]
async fn a_stranger_gets_nothing_but_the_public_routes() {
    let app = App::with_running(1).await;
    for (_, path, action) in access_table() {
        assert_eq!(action == Action::Visit, PUBLIC.contains(&path), "{path}");
        if action == Action::Visit {
            continue;
        }
        let concrete = path.replace("{hostname}", "lablink-vm-test-1").replace("{id}", "1");
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let mut call = json(&concrete, &json!({"hostname": "lablink-vm-test-1"}));
            *call.method_mut() = method.clone();
            let answer = app.call(call).await;
            let refused = [StatusCode::UNAUTHORIZED, StatusCode::METHOD_NOT_ALLOWED];
            assert!(refused.contains(&answer.status), "{method} {path}: {}", answer.status);
        }
    }
}

/// What the roles of people open. Whoever changes this table has read it.
#[test]
fn each_role_opens_these_routes_and_no_others() {
    let somebody = Actor::Anyone;
    let mut table = String::new();
    for (method, path, action) in access_table() {
        if !matches!(action, Action::Do(_) | Action::ReadVm(_)) {
            continue;
        }
        let opens = |role: &&Role| {
            let grants = Grants { actor: &somebody, roles: std::slice::from_ref(*role) };
            can(&grants, action, Resource::Pool)
        };
        let roles: Vec<&str> = Role::ALL.iter().filter(opens).map(|role| role.as_str()).collect();
        table += &format!("{method} {path}: {}\n", roles.join(" "));
    }
    assert_eq!(table, include_str!("access.txt"), "as it is now:\n{table}");
}

#[tokio::test]
async fn an_agent_speaks_for_its_own_vm_only() {
    let app = App::with_running(2).await;
    let agent = app.agent("lablink-vm-test-1").await;
    let calls = |hostname: &str| {
        [
            json("/vm_startup", &json!({"hostname": hostname})).with("prefer", "wait=0"),
            json("/api/vm-status", &json!({"hostname": hostname, "status": "running"})),
            json("/api/update_inuse_status", &json!({"hostname": hostname, "status": true})),
            json("/api/gpu_health", &json!({"hostname": hostname, "gpu_status": "Healthy"})),
            json("/api/agent/heartbeat", &json!({"hostname": hostname})),
        ]
    };
    // Of its own VM, there is nothing to say of a cleaning.
    let clean = |hostname: &str| {
        let body = json!({"hostname": hostname, "claim_id": 1, "outcome": "cleaned"});
        json("/api/agent/clean-result", &body)
    };
    for (hostname, status) in [("lablink-vm-test-1", 409), ("lablink-vm-test-2", 403)] {
        let answer = app.call(clean(hostname).with("authorization", &agent)).await;
        assert_eq!(answer.status.as_u16(), status, "{hostname}");
    }
    assert_eq!(app.call(clean("lablink-vm-test-1")).await.status, StatusCode::UNAUTHORIZED);
    for call in calls("lablink-vm-test-1") {
        let path = call.uri().to_string();
        assert!(app.call(call.with("authorization", &agent)).await.status.is_success(), "{path}");
    }
    for call in calls("lablink-vm-test-2") {
        let path = call.uri().to_string();
        assert_eq!(
            app.call(call.with("authorization", &agent)).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    for call in calls("lablink-vm-test-1") {
        let path = call.uri().to_string();
        assert_eq!(app.call(call).await.status, StatusCode::UNAUTHORIZED, "{path} without a token");
    }
    let own = app.call(get("/api/vm-status/lablink-vm-test-1").with("authorization", &agent)).await;
    assert_eq!(own.status, StatusCode::OK);
    let other =
        app.call(get("/api/vm-status/lablink-vm-test-2").with("authorization", &agent)).await;
    assert_eq!(other.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn open_mode_takes_the_originals_clients() {
    let app = App::new(AgentAuth::Open).await;
    let report = json!({"hostname": "desk-7", "status": "running"});
    assert_eq!(app.call(json("/api/vm-status", &report)).await.status, StatusCode::OK);
    assert_eq!(app.call(get("/api/vm-status")).await.body, r#"{"desk-7":"running"}"#);
    assert_eq!(app.call(get("/admin")).await.status, StatusCode::UNAUTHORIZED, "that stays closed");
    let admin = app.call(get("/admin").by_browser().by_admin()).await;
    assert!(admin.body.contains("LABLINK_AGENT_AUTH=open"), "the organiser is warned");
}

#[tokio::test]
async fn another_sites_page_can_not_post() {
    let app = App::with_running(1).await;
    let evil = form("/destroy", "confirm=yes").by_admin();
    let refused = app.call(evil.with("sec-fetch-site", "cross-site")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["code"], "cross_site");
    let evil = form("/api/launch", "num_vms=1").by_admin();
    let refused =
        app.call(evil.with("host", "lab:5000").with("origin", "https://evil.example")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(
        app.call(get("/api/operations").by_admin()).await.json()["operations"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn every_answer_carries_its_id_and_the_security_headers() {
    let app = App::with_running(1).await;
    for path in ["/", "/nowhere", "/admin", "/assets/app.css", "/healthz"] {
        let answer = app.call(get(path)).await;
        assert!(
            answer.header("content-security-policy").starts_with("default-src 'none'"),
            "{path}"
        );
        assert!(!answer.header("content-security-policy").contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
    }
    let given = app.call(get("/nowhere").with("x-request-id", "mine-1")).await;
    assert_eq!(given.header("x-request-id"), "mine-1");
    assert_eq!(given.json()["request_id"], "mine-1");
    let strange = app.call(get("/nowhere").with("x-request-id", "a b\"<")).await;
    assert_ne!(strange.header("x-request-id"), "a b\"<");
}

#[tokio::test]
async fn errors_are_pages_for_browsers_and_json_for_programs() {
    let app = App::with_running(0).await;
    let page = app.call(get("/nowhere").by_browser()).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.header("content-type").starts_with("text/html"));
    let answer = app.call(get("/nowhere")).await;
    assert_eq!(answer.json()["code"], "not_found");

    let mut wrong_method = get("/destroy").by_admin();
    *wrong_method.method_mut() = Method::PUT;
    let answer = app.call(wrong_method).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json()["code"], "method_not_allowed");
}
