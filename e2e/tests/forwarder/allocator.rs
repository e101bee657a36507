use std::{
    collections::{HashSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use lablink_e2e::lambda::Lambda;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

pub const TOKEN: &str = "log-token-of-the-test";
pub const VM: &str = "lablink-vm-test-1";

/// What the allocator of a test does with one request.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Answer(u16),
    /// Answers 200, after a while.
    Slow(Duration),
    /// Never answers.
    Hang,
    HangUp,
}

/// Something that listens where the allocator would, does what the test says, request by request,
/// and afterwards answers 200. Keeps what it took.
pub struct FakeAllocator {
    seen: Arc<Mutex<Seen>>,
    port: u16,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    acts: VecDeque<Act>,
    /// The bodies of requests that were answered with 200.
    taken: Vec<Value>,
    sizes: Vec<usize>,
    tokens: Vec<String>,
    requests: usize,
    connections: HashSet<SocketAddr>,
}

impl FakeAllocator {
    pub async fn start(acts: &[Act]) -> Self {
        let seen = Seen { acts: acts.iter().copied().collect(), ..Seen::default() };
        let seen = Arc::new(Mutex::new(seen));
        let router = Router::new()
            .route("/api/vm-logs", post(take))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&seen))
            .into_make_service_with_connect_info::<SocketAddr>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { seen, port, serving }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/api/vm-logs", self.port)
    }

    /// The forwarder before it, with the token in its environment.
    pub async fn forwarder(&self) -> Lambda {
        let endpoint = self.endpoint();
        let environment = [("API_ENDPOINT", &*endpoint), ("LABLINK_LOG_TOKEN", TOKEN)];
        Lambda::start(&environment).await.unwrap()
    }

    pub fn taken(&self) -> Vec<Value> {
        self.seen.lock().unwrap().taken.clone()
    }

    /// All messages that were taken, in their order.
    pub fn messages(&self) -> Vec<String> {
        let taken = self.taken();
        let messages = taken.iter().flat_map(|part| part["messages"].as_array().unwrap());
        messages.map(|message| message.as_str().unwrap().to_owned()).collect()
    }

    /// Sizes of the bodies, in bytes.
    pub fn sizes(&self) -> Vec<usize> {
        self.seen.lock().unwrap().sizes.clone()
    }

    pub fn tokens(&self) -> Vec<String> {
        self.seen.lock().unwrap().tokens.clone()
    }

    pub fn requests(&self) -> usize {
        self.seen.lock().unwrap().requests
    }

    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections.len()
    }
}

impl Drop for FakeAllocator {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    State(seen): State<Arc<Mutex<Seen>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let token = headers["authorization"].to_str().unwrap().to_owned();
    let act = {
        let mut seen = seen.lock().unwrap();
        seen.requests += 1;
        seen.connections.insert(peer);
        seen.tokens.push(token);
        seen.sizes.push(body.len());
        seen.acts.pop_front().unwrap_or(Act::Answer(200))
    };
    match act {
        Act::Answer(200) => {}
        Act::Answer(status) => {
            let reason = Json(json!({ "error": format!("Refused with {status}.") }));
            return (StatusCode::from_u16(status).unwrap(), reason).into_response();
        }
        Act::Slow(pause) => tokio::time::sleep(pause).await,
        Act::Hang => std::future::pending().await,
        // axum ends the connection of a handler that panics.
        Act::HangUp => std::panic::resume_unwind(Box::new("hang up")),
    }
    seen.lock().unwrap().taken.push(serde_json::from_slice(&body).unwrap());
    Json(json!({ "message": "VM logs posted successfully." })).into_response()
}
