//! A router on a database of its own, and short ways to call it.

use std::{
    net::SocketAddr,
    num::NonZero,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use lablink_checks::Checkup;
use lablink_core::{
    Actor, Db, Scope, Token, agents,
    claims::{Deliveries, Intake, Looks},
    live::{self, Hub},
    logs::FromAws,
    operations,
    pools::{AfterUse, PerAddress, Pool, Rules},
    preflight::Preflight,
    secrets::{AwsLogin, Vault},
    ssh::FitAddresses,
    tasks::Board,
    worker::{Runners, Worker, WorkerParts},
};
use lablink_test_db::TestDb;
pub use lablink_test_db::kinds;
use lablink_web::{
    AdminLogin, AgentAuth, AgentBudgets, AgentInstall, AgentLimits, AgentProgram, AppState, Bounds,
    Browsers, Channels, CodeGuesses, ConnectionLimits, FormLimits, OwnLog, Patience, Proxies,
    Settings, StandingNotices, Transfers, Waits, router,
};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::Value;
use tokio_postgres::Config;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::collector::FakeCollector;

/// Counting is for the whole process.
static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// What the log forwarder shows.
pub const LOG_TOKEN: &str = "the forwarder's";

pub struct App {
    /// Dropped last: the database goes with it. None: it stays.
    _database: Option<TestDb>,
    config: Config,
    pub db: Db,
    pub pool: Arc<Pool>,
    pub hub: Hub,
    pub shutdown: CancellationToken,
    pub own_log: OwnLog,
    pub collector: Arc<FakeCollector>,
    state: AppState,
    router: Router,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl App {
    pub async fn new(agent_auth: AgentAuth) -> Self {
        let database = TestDb::create().await;
        let app = Self::on(database.config(), 8, agent_auth).await;
        Self { _database: Some(database), ..app }
    }

    /// An app on this database, with so many connections.
    pub async fn on(config: Config, connections: usize, agent_auth: AgentAuth) -> Self {
        let db = Db::new(&config, connections);
        let pool = Arc::new(Pool::open(&db, "test", rules()).await.unwrap());
        let hub = Hub::default();
        tokio::spawn(live::listen(config.clone(), hub.clone()));
        while !hub.is_connected() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let hash = bcrypt::hash("secret", 4).unwrap();
        let shutdown = CancellationToken::new();
        let own_log = OwnLog::default();
        let collector = Arc::new(FakeCollector::new());
        let state = AppState {
            hand_over_db: db.clone(),
            agents_db: db.clone(),
            agent_limits: Arc::new(AgentLimits::new(AgentBudgets::default())),
            db: db.clone(),
            pool: Arc::clone(&pool),
            intake: Intake::default(),
            looks: Looks::default(),
            deliveries: Deliveries::default(),
            hub: hub.clone(),
            channels: Channels::new("127.0.0.1:9".to_owned()),
            waits: Waits::default(),
            metrics: METRICS.get_or_init(|| lablink_web::metrics::start().unwrap()).clone(),
            browsers: Arc::new(Browsers::default()),
            code_guesses: Arc::new(CodeGuesses::default()),
            form_limits: Arc::new(FormLimits::new(NonZero::new(300), NonZero::new(20))),
            admin: Arc::new(AdminLogin::new("teacher".into(), hash).unwrap()),
            kinds: Arc::new(kinds()),
            tasks: Board::default(),
            aws: Arc::new(AwsLogin::new(None, Vault::new(None))),
            preflight: None,
            checkup: Arc::new(Checkup::default()),
            collector: Arc::<FakeCollector>::clone(&collector),
            transfers: Transfers::default(),
            secret_key: None,
            settings: Arc::new(Settings {
                environment: "test".into(),
                notices: Arc::default(),
                public_url: None,
                ssh_addresses: FitAddresses::Remote,
                agent_auth,
                is_trial: false,
                proxies: Proxies::default(),
                metrics_token: None,
                log_token: Some(Token::presented(LOG_TOKEN).hash()),
                logs_from_aws: FromAws::CloudWatch,
                agent: AgentInstall {
                    program: Some(AgentProgram::Here("/bin/sh".into())),
                    allow_http: true,
                },
                heartbeat: Duration::from_secs(20),
            }),
            own_log: own_log.clone(),
            stopping: shutdown.clone(),
            shutdown: shutdown.clone(),
        };
        let router = router(state.clone());
        Self { _database: None, config, db, pool, hub, shutdown, own_log, collector, router, state }
    }

    pub async fn with_running(count: u32) -> Self {
        let app = Self::new(AgentAuth::Required).await;
        app.launch(count).await;
        app.sql("update vm set status = 'running'").await;
        app
    }

    /// Likewise, of VMs on AWS.
    pub async fn with_running_on_aws(count: u32) -> Self {
        let app = Self::with_running(count).await;
        app.sql("update vm set source = 'aws'").await;
        app
    }

    /// The same app with these periodic tasks.
    pub fn tending(mut self, tasks: Board) -> Self {
        self.state.tasks = tasks;
        self.router = router(self.state.clone());
        self
    }

    /// The same app with these checks of its deployment.
    pub fn examined(mut self, checkup: Checkup) -> Self {
        self.state.checkup = Arc::new(checkup);
        self.router = router(self.state.clone());
        self
    }

    /// The same app by other rules.
    pub fn ruled(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        self.pool = Arc::new(self.pool.ruled(change));
        self.state.pool = Arc::clone(&self.pool);
        self.router = router(self.state.clone());
        self
    }

    /// The same app for a class with an access code and e-mail domains of its own.
    pub fn admitting(self, domains: &[&str], code: &str) -> Self {
        self.ruled(|rules| {
            let domains = domains.iter().map(|domain| domain.parse().unwrap());
            rules.claiming.email_domains = domains.collect();
            rules.claiming.access_code = Some(code.parse().unwrap());
        })
    }

    /// The same app where this becomes of registered machines after use.
    pub fn after_use(self, after_use: AfterUse) -> Self {
        self.ruled(|rules| rules.machines.after_use = after_use)
    }

    /// The same app where so many of one address may wait or hold a machine.
    pub fn crowded(self, per_address: PerAddress) -> Self {
        self.ruled(|rules| rules.claiming.per_address = per_address)
    }

    /// The same app where machines install this, but not over plain HTTP.
    pub fn installing(self, program: Option<AgentProgram>) -> Self {
        let mut app = self.ruled(|rules| rules.machines.software = "sleap".to_owned());
        let agent = AgentInstall { program, allow_http: false };
        app.state.settings = Arc::new(Settings { agent, ..(*app.state.settings).clone() });
        app.router = router(app.state.clone());
        app
    }

    /// The same app whose VMs on AWS send their logs themselves, without a forwarder.
    pub fn with_logs_sent_directly(mut self) -> Self {
        let logs_from_aws = FromAws::Direct;
        let settings =
            Settings { logs_from_aws, log_token: None, ..(*self.state.settings).clone() };
        self.state.settings = Arc::new(settings);
        self.router = router(self.state.clone());
        self
    }

    /// The same app with proxies before it.
    pub fn behind(mut self, proxies: Proxies) -> Self {
        self.state.settings = Arc::new(Settings { proxies, ..(*self.state.settings).clone() });
        self.router = router(self.state.clone());
        self
    }

    /// The same app with other limits.
    pub fn limited(mut self, limits: FormLimits) -> Self {
        self.state.form_limits = Arc::new(limits);
        self.router = router(self.state.clone());
        self
    }

    /// The same app with this to tell on each of the organisers' pages.
    pub fn with_notice(mut self, notice: &str) -> Self {
        let notices = Arc::new(StandingNotices::new(vec![notice.to_owned()]));
        self.state.settings = Arc::new(Settings { notices, ..(*self.state.settings).clone() });
        self.router = router(self.state.clone());
        self
    }

    /// The same app with other budgets for VMs.
    pub fn with_budgets(mut self, budgets: AgentBudgets) -> Self {
        self.state.agent_limits = Arc::new(AgentLimits::new(budgets));
        self.router = router(self.state.clone());
        self
    }

    /// The same app as another process of it, which remembers nothing of its callers.
    pub fn restarted(mut self) -> Self {
        let hash = bcrypt::hash("secret", 4).unwrap();
        self.state.admin = Arc::new(AdminLogin::new("teacher".into(), hash).unwrap());
        self.state.browsers = Arc::default();
        self.state.code_guesses = Arc::default();
        self.router = router(self.state.clone());
        self
    }

    /// The same app with connections of their own for VMs, and few for participants.
    pub fn with_connections_apart(mut self) -> Self {
        self.state.agents_db = Db::new(&self.config, 2);
        self.state.db = Db::new(&self.config, 2);
        self.router = router(self.state.clone());
        self
    }

    /// Serves real connections as an allocator that others reach, and knows its address.
    pub fn reachable(mut self) -> (Self, SocketAddr) {
        let listener = lablink_web::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        self.state.channels = Channels::new(address.to_string());
        self.router = router(self.state.clone());
        let bounds = Bounds { all: 500, strangers_per_address: Some(400), turned_away: 8 };
        let limits = ConnectionLimits { bounds, patience: Patience::default() };
        let (router, shutdown) = (self.router.clone(), self.shutdown.clone());
        tokio::spawn(lablink_web::serve(listener, router, limits, Proxies::default(), shutdown));
        (self, address)
    }

    /// Another allocator on the same database, with a hub of its own.
    pub async fn beside(&self) -> Self {
        Self::on(self.config.clone(), 8, AgentAuth::Required).await
    }

    /// Serves real connections, within these limits.
    pub fn listen(&self, limits: ConnectionLimits) -> SocketAddr {
        let listener = lablink_web::listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (router, shutdown) = (self.router.clone(), self.shutdown.clone());
        tokio::spawn(lablink_web::serve(listener, router, limits, Proxies::default(), shutdown));
        address
    }

    /// The same app with a key to seal secrets with.
    pub fn with_secret_key(mut self) -> Self {
        self.state.secret_key = Some("0f".repeat(32).parse().unwrap());
        self.router = router(self.state.clone());
        self
    }

    /// The same app beside somebody who carries out operations.
    pub fn with_worker(self, runners: Runners) -> Self {
        let worker = Worker::new(WorkerParts {
            scope: self.scope(),
            hub: self.hub.clone(),
            owner: "test".to_owned(),
            runners: Arc::new(runners),
        });
        tokio::spawn(worker.run(self.shutdown.clone()));
        self
    }

    /// The same app with this way to AWS.
    pub fn with_aws(mut self, aws: AwsLogin) -> Self {
        self.state.aws = Arc::new(aws);
        self.router = router(self.state.clone());
        self
    }

    /// The same app, whose launches make machines in this cloud.
    pub fn with_preflight(mut self, preflight: Preflight) -> Self {
        self.state.preflight = Some(Arc::new(preflight));
        self.router = router(self.state.clone());
        self
    }

    /// The one text that a query finds.
    pub async fn text(&self, query: &str) -> String {
        self.db.client().await.unwrap().query_one(query, &[]).await.unwrap().get(0)
    }

    pub async fn launch(&self, count: u32) {
        operations::launch(&self.scope(), count).await.unwrap();
    }

    pub fn scope(&self) -> Scope {
        Scope::new(&self.db, &self.pool, Actor::System)
    }

    pub async fn sql(&self, statement: &str) {
        self.db.client().await.unwrap().batch_execute(statement).await.unwrap();
    }

    /// The `Authorization` value of this VM's agent.
    pub async fn agent(&self, hostname: &str) -> String {
        let hostname = hostname.parse().unwrap();
        let scope = self.scope();
        let token = agents::issue_enrolment(&scope, &hostname).await.unwrap().unwrap();
        let token = agents::enrol(&scope, &hostname, &token).await.unwrap();
        format!("Bearer {}", token.reveal())
    }

    /// After a claim, this VM's agent takes a new token with its old one, and uses it.
    pub async fn renewed(&self, hostname: &str, agent: &str) -> String {
        let itself = serde_json::json!({ "hostname": hostname });
        let taken = self.call(json("/api/agent/token", &itself).with("authorization", agent)).await;
        assert_eq!(taken.status, StatusCode::OK, "{}", taken.body);
        let new = format!("Bearer {}", taken.json()["agent_token"].as_str().unwrap());
        let beat = json("/api/agent/heartbeat", &itself).with("authorization", &new);
        assert_eq!(self.call(beat).await.status, StatusCode::OK);
        new
    }

    pub async fn send(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn call(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.send(request).await.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// The rules of most tests, with a limit that is soon reached, and a name that needs care in scripts.
fn rules() -> Rules {
    let mut rules = lablink_test_db::rules();
    rules.machines.most_unknown = NonZero::new(3);
    rules.machines.software = "it's \"sleap\"".to_owned();
    rules
}

pub fn admin() -> String {
    format!("Basic {}", STANDARD.encode("teacher:secret"))
}

pub fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

pub fn json(path: &str, body: &Value) -> Request<Body> {
    Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap()
}

pub fn form(path: &str, body: &str) -> Request<Body> {
    Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// The same request with another header.
pub trait With: Sized {
    fn with(self, name: &'static str, value: &str) -> Self;

    fn by_browser(self) -> Self {
        self.with("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
    }

    fn by_admin(self) -> Self {
        self.with("authorization", &admin())
    }
}

impl With for Request<Body> {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers_mut().append(name, value.parse().unwrap());
        self
    }
}
