//! What the machine's cloud announces, by a stand-in for EC2's metadata service.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    allocator::Allocator,
    vm::{STAYS, Vm},
};

const TOKEN: &str = "AQAEtoken";

#[derive(Clone, Default)]
struct Announced {
    action: Option<Value>,
    events: Vec<Value>,
}

type Shared = Arc<watch::Sender<Announced>>;

/// Answers as version 2 of the service does: only to its own token.
async fn metadata() -> (String, Shared) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Below a path, as where one address stands in for the services of several machines.
    let url = format!("http://{}/machines/i-1", listener.local_addr().unwrap());
    let state: Shared = Arc::new(watch::Sender::default());
    let token = async |headers: HeaderMap| match headers.get("x-aws-ec2-metadata-token-ttl-seconds")
    {
        Some(_) => (StatusCode::OK, TOKEN),
        None => (StatusCode::BAD_REQUEST, ""),
    };
    let service = Router::new()
        .route("/latest/api/token", put(token))
        .route("/latest/meta-data/{*path}", get(read));
    let app = Router::new().nest("/machines/i-1", service).with_state(Arc::clone(&state));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, state)
}

async fn read(State(state): State<Shared>, headers: HeaderMap, uri: Uri) -> Response {
    if headers.get("x-aws-ec2-metadata-token").is_none_or(|token| token != TOKEN) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Announced { action, events } = state.borrow().clone();
    match uri.path().rsplit('/').next() {
        Some("instance-action") => match action {
            Some(action) => action.to_string().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        Some("scheduled") => Value::from(events).to_string().into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn notices(posts: &[&Value]) -> Vec<Value> {
    posts.iter().map(|beat| beat["notice"].clone()).filter(|notice| !notice.is_null()).collect()
}

#[tokio::test]
async fn what_the_cloud_announces_is_told_at_once_and_when_it_is_called_off() {
    let (url, cloud) = metadata().await;
    let allocator = Allocator::start().await;
    // The next heartbeat would not come while this test runs.
    allocator.ask_for_a_heartbeat_every(3600);
    let vm = Vm::with_remote_desktop(STAYS);
    let mut agent = vm.agent(&allocator.url);
    agent.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url).kill_on_drop(true);
    let _agent = agent.spawn().unwrap();

    let heard = async |count: usize| {
        let path = "/api/agent/heartbeat";
        let all = |told: &crate::allocator::Told| notices(&told.bodies(path));
        all(&allocator.told("notices", |told| all(told).len() >= count).await)
    };
    assert_eq!(heard(1).await, [json!({"kind": "none"})]);

    let action = json!({"action": "terminate", "time": "2026-11-26T10:32:00Z"});
    cloud.send_modify(|told| told.action = Some(action));
    let taken_back =
        json!({"kind": "taken_back", "action": "terminate", "time": "2026-11-26T10:32:00Z"});
    assert_eq!(heard(2).await[1], taken_back);

    let event = json!({
        "NotBefore": "21 Jan 2027 09:00:43 GMT", "Code": "system-reboot",
        "Description": "scheduled reboot", "EventId": "instance-event-1", "State": "active",
    });
    let over = json!({"NotBefore": "1 Jan 2027 09:00:43 GMT", "Code": "x", "State": "completed"});
    cloud.send_modify(|told| *told = Announced { action: None, events: vec![over, event] });
    let maintenance = json!({
        "kind": "maintenance", "code": "system-reboot", "description": "scheduled reboot",
        "from": "21 Jan 2027 09:00:43 GMT",
    });
    assert_eq!(heard(3).await[2], maintenance);
    cloud.send_modify(|told| *told = Announced::default());
    assert_eq!(heard(4).await[3], json!({"kind": "none"}));
}
