//! The part of the AWS Lambda Runtime API that a function of one process needs, as its
//! documentation ("Using the Lambda runtime API for custom runtimes") tells.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{AppendHeaders, IntoResponse},
    routing::{get, post},
};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Answered(Value),
    /// AWS would try it again. Holds `errorType` and `errorMessage`.
    Failed(Value),
}

pub struct RuntimeApi {
    shared: Arc<Shared>,
    invocations: mpsc::UnboundedSender<Invocation>,
    address: String,
    serving: JoinHandle<()>,
}

struct Shared {
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    /// By request id.
    running: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
}

struct Invocation {
    id: String,
    payload: String,
    deadline: SystemTime,
}

impl RuntimeApi {
    pub async fn start() -> Result<Self> {
        let (invocations, waiting) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            waiting: tokio::sync::Mutex::new(waiting),
            running: Mutex::default(),
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let serving = tokio::spawn(async move {
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self { shared, invocations, address, serving })
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub async fn invoke(&self, payload: String, time: Duration) -> Result<Outcome> {
        let id = format!("{:032x}", rand::random::<u128>());
        let (answer, answered) = oneshot::channel();
        self.shared.running().insert(id.clone(), answer);
        let deadline = SystemTime::now() + time;
        self.invocations.send(Invocation { id, payload, deadline }).ok().context("it is over")?;
        Ok(answered.await?)
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Outcome>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, id: &str, outcome: Outcome) -> StatusCode {
        match self.running().remove(id) {
            // The caller may have stopped waiting.
            Some(answer) => {
                let _unwanted = answer.send(outcome);
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let Some(invocation) = shared.waiting.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = invocation.deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let headers = AppendHeaders([
        ("lambda-runtime-aws-request-id", invocation.id),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-west-2:123456789012:function:test".to_owned(),
        ),
        ("content-type", "application/json".to_owned()),
    ]);
    (headers, invocation.payload).into_response()
}

async fn answered(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    shared.end(&id, Outcome::Answered(serde_json::from_slice(&body).unwrap_or_default()))
}

async fn failed(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    shared.end(&id, Outcome::Failed(serde_json::from_slice(&body).unwrap_or_default()))
}
