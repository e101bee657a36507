//! The agent with an allocator that behaves as the original's: it answers a wait only when a claim
//! comes, says nothing of numbers, and knows none of our endpoints.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

use crate::vm::{STAYS, Vm, until};

#[derive(Clone, Default)]
struct Original {
    /// Notifications. An agent that is not waiting misses them.
    codes: watch::Sender<String>,
    posts: Arc<std::sync::Mutex<Vec<String>>>,
}

async fn wait(State(original): State<Original>) -> Json<serde_json::Value> {
    let mut codes = original.codes.subscribe();
    original.posts.lock().unwrap().push("/vm_startup".to_owned());
    codes.changed().await.unwrap();
    let command = format!("start-host --code={} --name=x", *codes.borrow());
    Json(json!({"command": command, "pin": "123456", "status": "success"}))
}

async fn others(State(original): State<Original>, uri: Uri) -> Response {
    original.posts.lock().unwrap().push(uri.path().to_owned());
    if uri.path().starts_with("/api/agent/") {
        return (StatusCode::NOT_FOUND, "<h1>Not Found</h1>").into_response();
    }
    Json(json!({"message": "stored"})).into_response()
}

impl Original {
    fn count(&self, path: &str) -> usize {
        self.posts.lock().unwrap().iter().filter(|it| *it == path).count()
    }
}

#[tokio::test]
async fn a_claim_of_the_originals_allocator_is_run_and_a_repetition_is_not() {
    let original = Original::default();
    let app = Router::new()
        .route("/vm_startup", post(wait))
        .fallback(others)
        .with_state(original.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let _server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let vm = Vm::with_remote_desktop(STAYS);
    let _agent = vm.agent(&url).spawn().unwrap();
    let calls = || vm.text("calls").matches("--code=").count();
    for (code, waits, expected) in [("4/first", 1, 1), ("4/first", 2, 1), ("4/second", 3, 2)] {
        until("the agent waits", || original.count("/vm_startup") >= waits).await;
        original.codes.send_replace(code.to_owned());
        until("the answer is handled", || original.count("/vm_startup") > waits).await;
        until("the command is run", || calls() == expected).await;
    }
    for path in ["/api/vm-status", "/api/gpu_health"] {
        until(path, || original.count(path) == 1).await;
    }
}
