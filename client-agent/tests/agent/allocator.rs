use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        Request, State,
        ws::{WebSocket, WebSocketUpgrade},
    },
    http::{StatusCode, Uri, header::AUTHORIZATION},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use lablink_protocol::{ChannelTarget, CrdCode, KeptCollected, Seen, WaitAnswer, WaitRequest};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::renewal::{self, Held, Renewal};

/// An allocator that has one VM: what it was told, and what it answers, can be seen and changed.
pub struct Allocator {
    pub url: String,
    state: watch::Sender<Told>,
    server: JoinHandle<()>,
}

#[derive(Clone, Default)]
pub struct Told {
    /// Enrolment token to the agent token that it brings, once.
    enrolment: HashMap<String, String>,
    /// With `None` every agent is served, as with `LABLINK_AGENT_AUTH=open`.
    agent_token: Option<String>,
    claim: Option<WaitAnswer>,
    /// The claim after which the machine is to be cleaned.
    to_clean: Option<i64>,
    collected: Option<KeptCollected>,
    /// A channel that the next wait is told of.
    channel: Option<WaitAnswer>,
    /// Where the agent's ends go.
    ends: Option<mpsc::UnboundedSender<WebSocket>>,
    pub posts: Vec<(String, Value)>,
    pub renewal: Renewal,
    /// Between heartbeats; 1 s, unless a test says otherwise.
    interval_seconds: Option<u64>,
}

impl Told {
    pub fn bodies(&self, path: &str) -> Vec<&Value> {
        self.posts.iter().filter(|(at, _)| at == path).map(|(_, body)| body).collect()
    }
}

/// As long as the agent asks for.
const HOLD: Duration = Duration::from_secs(50);

pub type Shared = Arc<watch::Sender<Told>>;

impl Allocator {
    /// Serves on a free port.
    pub async fn start() -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub fn start_on(listener: TcpListener) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = watch::Sender::default();
        let shared: Shared = Arc::new(state.clone());
        let agents = Router::new()
            .route("/vm_startup", post(wait))
            .route("/api/agent/token", post(renew))
            .route("/api/agent/channels/{id}", get(dialled))
            .route("/api/agent/heartbeat", post(heartbeat))
            .route("/api/agent/clean-result", post(clean_result))
            .route("/api/vm-status/{hostname}", get(status))
            .fallback(accept)
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), authenticate));
        let app =
            Router::new().route("/api/agent/enrol", post(enrol)).merge(agents).with_state(shared);
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, state, server }
    }

    /// From now on agents need `agent_token`, which `enrolment_token` brings.
    pub fn require(&self, enrolment_token: &str, agent_token: &str) {
        self.state.send_modify(|told| {
            told.enrolment.insert(enrolment_token.to_owned(), agent_token.to_owned());
            told.agent_token = Some(agent_token.to_owned());
        });
    }

    pub fn claim(&self, claim_id: i64, command_no: i32) {
        let command = "start-host --code=\"4/0Abc-def\" --name=$(hostname)".to_owned();
        let pin = "654321".to_owned();
        let claimed = WaitAnswer::Claimed { command, pin, claim_id, command_no };
        self.state.send_modify(|told| told.claim = Some(claimed));
    }

    /// A claim whose desktop is shown in a tab.
    pub fn claim_for_tab(&self, claim_id: i64, command_no: i32) {
        let (command, pin) = (CrdCode::for_tab("x").to_command(), "654321".to_owned());
        let claimed = WaitAnswer::Claimed { command, pin, claim_id, command_no };
        self.state.send_modify(|told| told.claim = Some(claimed));
    }

    /// The agent's end of a new channel.
    pub async fn channel(&self) -> WebSocket {
        let (sender, mut ends) = mpsc::unbounded_channel();
        let channel = WaitAnswer::Channel {
            channel_id: "c1".to_owned(),
            target: ChannelTarget::Desktop,
            url: "/api/agent/channels/c1".to_owned(),
        };
        self.state.send_modify(|told| {
            told.ends = Some(sender);
            told.channel = Some(channel);
        });
        let dialled = tokio::time::timeout(Duration::from_secs(20), ends.recv()).await;
        dialled.expect("the agent does not dial").unwrap()
    }

    pub fn lock_out(&self, claim_id: i64, command_no: i32) {
        let lock_out = WaitAnswer::LockOut { claim_id, command_no };
        self.state.send_modify(|told| told.claim = Some(lock_out));
    }

    /// Until the result is there, the machine waits to be cleaned after this claim.
    pub fn ask_to_clean(&self, claim_id: i64) {
        self.state.send_modify(|told| told.to_clean = Some(claim_id));
    }

    /// What was collected of earlier participants' files.
    pub fn has_collected(&self, claim_id: i64, directory: &str) {
        let directory = directory.to_owned();
        let collected = Some(KeptCollected { claim_id, directory });
        self.state.send_modify(|told| told.collected = collected);
    }

    /// The results of cleanings, once there are `count`.
    pub async fn clean_results(&self, count: usize) -> Vec<Value> {
        let path = "/api/agent/clean-result";
        let all = |told: &Told| told.bodies(path).len() >= count;
        // The agent looks at every file in /tmp, of which a machine of builds has very many.
        let told = self.told_within(Duration::from_secs(60), "clean results", all).await;
        told.bodies(path).into_iter().cloned().collect()
    }

    pub fn ask_for_a_heartbeat_every(&self, seconds: u64) {
        self.state.send_modify(|told| told.interval_seconds = Some(seconds));
    }

    pub fn release(&self) {
        self.state.send_modify(|told| told.claim = None);
    }

    /// Releases the VM; its agent is to take a new token now.
    pub fn release_and_ask_for_a_new_token(&self) {
        self.state.send_modify(|told| {
            told.claim = None;
            told.renewal.due = true;
        });
    }

    /// Its agent is to take a new token, and what it may hear stays as it is.
    pub fn ask_for_a_new_token(&self) {
        self.state.send_modify(|told| told.renewal.due = true);
    }

    /// An organiser locks out the person who has the VM. Its agent is to take a new token first.
    pub fn lock_out_with_a_new_token(&self, claim_id: i64, command_no: i32) {
        let lock_out = WaitAnswer::LockOut { claim_id, command_no };
        self.state.send_modify(|told| {
            told.claim = Some(lock_out);
            told.renewal.due = true;
        });
    }

    /// What an agent is kept waiting at, from now on.
    pub fn hold(&self, held: Option<Held>) {
        self.state.send_modify(|told| {
            told.renewal.hold = held;
            told.renewal.holding = 0;
        });
    }

    /// What was told, as soon as it fulfils `condition`.
    pub async fn told(&self, what: &str, condition: impl Fn(&Told) -> bool) -> Told {
        self.told_within(Duration::from_secs(10), what, condition).await
    }

    async fn told_within(
        &self,
        limit: Duration,
        what: &str,
        condition: impl Fn(&Told) -> bool,
    ) -> Told {
        let mut changes = self.state.subscribe();
        match tokio::time::timeout(limit, changes.wait_for(|t| condition(t))).await {
            Ok(told) => told.unwrap().clone(),
            Err(_) => panic!("not told within {limit:?}: {what}; {:?}", self.state.borrow().posts),
        }
    }

    /// The results of claims, once there are `count`.
    pub async fn results(&self, count: usize) -> Vec<Value> {
        let path = "/api/agent/claim-result";
        let told = self.told("claim results", |told| told.bodies(path).len() >= count).await;
        told.bodies(path).into_iter().cloned().collect()
    }
}

impl Drop for Allocator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn record(state: &Shared, path: &str, body: &[u8]) {
    let body = serde_json::from_slice(body).unwrap();
    state.send_modify(|told| told.posts.push((path.to_owned(), body)));
}

async fn authenticate(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let given = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    if state.borrow().agent_token.is_none() {
        return next.run(request).await;
    }
    if given.is_some() && given == state.borrow().renewal.next {
        renewal::held(&state, Held::FirstUse).await;
        state.send_modify(|told| told.renewal.used(&mut told.agent_token));
    }
    let path = request.uri().path().to_owned();
    let (known, due) = {
        let told = state.borrow();
        (told.agent_token == given, told.renewal.due && path != "/api/agent/token")
    };
    if !known {
        state.send_modify(|told| told.renewal.refused(given.as_deref(), &path));
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "Unknown token."})))
            .into_response();
    }
    if due {
        let body = json!({"error": "Take a new one.", "code": "token_due", "request_id": "1"});
        return (StatusCode::FORBIDDEN, Json(body)).into_response();
    }
    next.run(request).await
}

async fn renew(State(state): State<Shared>, uri: Uri, body: Bytes) -> Json<Value> {
    record(&state, uri.path(), &body);
    let mut new = String::new();
    state.send_modify(|told| new = told.renewal.fetched());
    renewal::held(&state, Held::Fetch).await;
    Json(json!({ "agent_token": new }))
}

async fn enrol(State(state): State<Shared>, uri: Uri, body: Bytes) -> Response {
    record(&state, uri.path(), &body);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let mut brought = None;
    state.send_modify(|told| {
        brought = told.enrolment.remove(body["enrolment_token"].as_str().unwrap());
    });
    match brought {
        Some(agent_token) => Json(json!({"agent_token": agent_token})).into_response(),
        None => (StatusCode::FORBIDDEN, Json(json!({"error": "Used token."}))).into_response(),
    }
}

async fn heartbeat(State(state): State<Shared>, uri: Uri, body: Bytes) -> Json<Value> {
    record(&state, uri.path(), &body);
    let told = state.borrow();
    let interval = told.interval_seconds.unwrap_or(1);
    let asks = serde_json::from_slice::<Value>(&body).unwrap()["keeps"].is_i64();
    Json(
        json!({"interval_seconds": interval, "collected": told.collected.clone().filter(|_| asks)}),
    )
}

async fn clean_result(State(state): State<Shared>, uri: Uri, body: Bytes) -> Response {
    record(&state, uri.path(), &body);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let mut waited = false;
    state.send_modify(|told| {
        waited = told.to_clean.is_some() && told.to_clean == body["claim_id"].as_i64();
        told.to_clean = told.to_clean.filter(|_| !waited);
    });
    let status = if waited { StatusCode::OK } else { StatusCode::CONFLICT };
    (status, Json(json!({"error": "superseded"}))).into_response()
}

async fn dialled(State(state): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    let ends = state.borrow().ends.clone();
    upgrade.on_upgrade(async move |socket| drop(ends.unwrap().send(socket)))
}

/// What was reported last.
async fn status(State(state): State<Shared>) -> Json<Value> {
    let told = state.borrow();
    let reports = told.bodies("/api/vm-status");
    let status = reports.last().map_or(json!("initializing"), |report| report["status"].clone());
    Json(json!({"hostname": "lablink-vm-test-1", "status": status}))
}

async fn accept(State(state): State<Shared>, uri: Uri, body: Bytes) -> Json<Value> {
    record(&state, uri.path(), &body);
    Json(json!({"message": "stored"}))
}

async fn wait(State(state): State<Shared>, uri: Uri, body: Bytes) -> Response {
    record(&state, uri.path(), &body);
    let question: WaitRequest = serde_json::from_slice(&body).unwrap();
    let seen = question.seen.unwrap();
    let mut changes = state.subscribe();
    let news = changes.wait_for(|told| {
        (question.channels && told.channel.is_some())
            || told.renewal.due
            || claimed(told) != seen
            || to_clean(told, &question).is_some()
    });
    let Ok(told) = tokio::time::timeout(HOLD, news).await else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let told = told.unwrap().clone();
    if claimed(&told) == seen
        && question.channels
        && let Some(channel) = &told.channel
    {
        state.send_modify(|told| told.channel = None);
        return Json(channel).into_response();
    }
    if told.renewal.due && told.claim.is_some() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let answer = to_clean(&told, &question).or(told.claim.clone()).unwrap_or(WaitAnswer::Released);
    // White space first, as an answer has that was kept alive.
    format!(" \n{}", serde_json::to_string(&answer).unwrap()).into_response()
}

fn to_clean(told: &Told, question: &WaitRequest) -> Option<WaitAnswer> {
    let claim_id = told.to_clean.filter(|_| question.cleans && told.claim.is_none())?;
    (question.cleaning != Some(claim_id)).then_some(WaitAnswer::Clean { claim_id })
}

fn claimed(told: &Told) -> Seen {
    match told.claim {
        Some(
            WaitAnswer::Claimed { claim_id, command_no, .. }
            | WaitAnswer::LockOut { claim_id, command_no },
        ) => Seen { claim_id: Some(claim_id), command_no: Some(command_no) },
        Some(WaitAnswer::Released | WaitAnswer::Clean { .. } | WaitAnswer::Channel { .. })
        | None => Seen::default(),
    }
}
