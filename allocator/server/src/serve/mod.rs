//! `serve`: brings the parts up in the order in which they need each other, and takes them down
//! in the opposite one.

mod admin_password;
mod agent_program;
mod allocator_address;
mod banner;
mod cloud;
pub mod database;
mod doctor;
mod http;
mod local;
mod machines;
mod own_address;
pub mod places;
mod pool_rules;
mod reload;
mod results;
mod runners;
pub mod settings;
mod signals;
mod state_backend;
mod tasks;
mod unheard;
mod variables;
mod web_settings;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use lablink_checks::Floor;
use lablink_config::Config;
use lablink_core::{
    Actor, Db, Scope,
    claims::{Deliveries, Intake, Looks},
    live,
    pools::Pool,
    worker::{Worker, WorkerParts},
};
use lablink_provision::ssh;
use lablink_web::{
    AdminLogin, AgentBudgets, AgentLimits, AppState, Browsers, Channels, CodeGuesses,
    ConnectionLimits, FormLimits, OwnLog, Transfers, Waits,
};
use tokio::{net::TcpListener, time::Instant};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};

use self::{
    banner::Banner,
    cloud::Cloud,
    database::Database,
    doctor::Doctor,
    http::answer_requests,
    local::Start,
    machines::Machines,
    own_address::own_address,
    places::Places,
    pool_rules::pool_rules,
    reload::{Live, Reload},
    results::collector,
    runners::runners,
    web_settings::web_settings,
};
use crate::{cli::ServeArgs, logging};

/// Connections to the database in one process, in addition to the listener's.
const CONNECTIONS: usize = 16;
/// Connections reserved for waiting agents, in addition to [`CONNECTIONS`].
const HAND_OVER_CONNECTIONS: usize = 4;
/// Connections reserved for all other requests of VMs.
const AGENT_CONNECTIONS: usize = 4;
/// How long requests wait for Terraform at start, for its version and for the rows of existing VMs.
/// Without those rows, a launch could take a name that is in use.
const TERRAFORM: Duration = Duration::from_secs(3);

/// The settings are not fit to be served. To try again without a change helps nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct Unfit(anyhow::Error);

impl Unfit {
    /// `EX_CONFIG` of `sysexits.h`, by which service managers know.
    pub const STATUS: u8 = 78;
}

/// Serves until SIGINT or SIGTERM.
pub async fn serve(args: ServeArgs) -> Result<()> {
    let own_log = logging::start_and_keep(args.log_format);
    let config = settings::load_to_serve(&args).map_err(Unfit)?;
    let places = Places::new(args.database.data_dir.as_deref())?;
    let limits = http::connection_limits(config.limits.connections_per_address)?;
    // This comes first, to report a port in use at once.
    let listener = lablink_web::listen(args.listen).with_context(|| {
        format!(
            "cannot listen on {}: choose another address, such as LABLINK_LISTEN=127.0.0.1:5001 in \
             the environment, or --listen 127.0.0.1:5001",
            args.listen
        )
    })?;
    let stopping = CancellationToken::new();
    signals::cancel_on_signal(stopping.clone())?;

    let database = Database::open(&config, &places, args.database.embedded_postgres).await?;
    let outcome =
        serve_on(&args, &config, &places, &database, own_log, (listener, limits), stopping).await;
    database.close().await?;
    outcome
}

async fn serve_on(
    args: &ServeArgs,
    config: &Config,
    places: &Places,
    database: &Database,
    own_log: OwnLog,
    (listener, limits): (TcpListener, ConnectionLimits),
    stopping: CancellationToken,
) -> Result<()> {
    database.migrate().await?;
    let db = Db::new(&database.server, CONNECTIONS);
    let hand_over_db = Db::new(&database.server, HAND_OVER_CONNECTIONS);
    let agents_db = Db::new(&database.server, AGENT_CONNECTIONS);
    let rules = pool_rules(config, args.agent_auth);
    let pool = Arc::new(Pool::open(&db, args.environment.as_str(), rules).await?);
    pool.keep_deployment_name(&db, config.deployment_name.as_deref()).await?;
    let scope = Scope::new(&db, &pool, Actor::System);
    let hub = live::Hub::default();
    let listener_task = live::listen(database.server.clone(), hub.clone());
    let _listening = AbortOnDropHandle::new(tokio::spawn(listener_task));

    let terraform_has_until = Instant::now() + TERRAFORM;
    let secret_key = settings::secret_key()?;
    let cloud = Cloud::new(config, &args.environment, secret_key.clone()).await;
    let machines = Machines::new(args, config, places, &scope, &cloud).await?;
    let Cloud { login: aws, preflight, .. } = cloud;
    let ways = ssh::Machines {
        scope: scope.clone(),
        secret_key: secret_key.clone(),
        ssh_addresses: config.manual.ssh_addresses,
        local: machines.local().map(|local| local.directory.clone()),
        cloud: machines.cloud(&aws),
    };
    let collector = collector(config, places, &scope, ways)?;
    let mut tasks = tasks::begin(config, &scope, &collector, &aws);
    if let Some(api) = machines.cloud_api() {
        unheard::begin(&mut tasks, &scope, api, &aws);
    }
    let runners = Arc::new(runners(&scope, &collector, &machines, &aws));

    let (vms, caught_up) = (machines.local().cloned(), machines.caught_up());
    let starting = vms.clone().zip(caught_up.clone()).map(|(vms, caught_up)| {
        let start = Start { vms, scope: scope.clone(), warm: config.local.warm };
        tokio::spawn(start.run(caught_up, stopping.clone()))
    });
    // Requests are answered for as long as Terraform runs: the VMs that it still makes enrol.
    let shutdown = CancellationToken::new();
    let worker = Worker::new(WorkerParts {
        scope: scope.clone(),
        hub: hub.clone(),
        owner: format!("process {}", std::process::id()),
        runners: Arc::clone(&runners),
    });
    let working = tokio::spawn(work(worker, stopping.clone(), shutdown.clone().drop_guard()));

    let own_address = own_address(args, &listener, &db).await?;
    let settings = Arc::new(web_settings(args, config));
    let checkup = Doctor {
        scope: scope.clone(),
        server: database.server.clone(),
        hub: hub.clone(),
        data_dir: places.data_dir.clone(),
        floor: Floor { bytes: config.collect.reserve() },
        public_url: settings.public_url.clone(),
        terraform: machines.module().map(|module| doctor::Terraform {
            program: args.terraform.clone(),
            module: module.to_owned(),
        }),
        cloud: machines.cloud_api().map(|_| doctor::Cloud {
            login: Arc::clone(&aws),
            preflight: preflight.clone(),
            logs: config.logs.from_aws,
        }),
        slow_start: config.health.overdue_after,
    }
    .checkup();
    let login = admin_password::login(&config.app.admin, places)?;
    let state = AppState {
        db,
        hand_over_db,
        agents_db,
        agent_limits: Arc::new(AgentLimits::new(AgentBudgets {
            requests: config.limits.requests_per_vm,
            log_lines: config.logs.lines_per_minute,
            log_bytes: config.logs.bytes_per_minute(),
        })),
        pool,
        intake: Intake::default(),
        looks: Looks::default(),
        deliveries: Deliveries::default(),
        hub,
        channels: Channels::new(own_address.to_string()),
        waits: Waits::default(),
        admin: Arc::new(AdminLogin::new(config.app.admin_user.clone(), login.hash)?),
        metrics: lablink_web::metrics::start()?,
        browsers: Arc::new(Browsers::default()),
        code_guesses: Arc::new(CodeGuesses::default()),
        form_limits: Arc::new(FormLimits::new(
            config.limits.form_per_address,
            config.limits.form_per_email,
        )),
        kinds: Arc::new(runners.kinds().clone()),
        tasks: tasks.board(),
        aws,
        preflight,
        checkup: Arc::new(checkup),
        collector,
        transfers: Transfers::default(),
        secret_key,
        settings,
        own_log,
        stopping: stopping.clone(),
        shutdown: shutdown.clone(),
    };
    let live = Live {
        pool: Arc::clone(&state.pool),
        form_limits: Arc::clone(&state.form_limits),
        agent_limits: Arc::clone(&state.agent_limits),
        notices: Arc::clone(&state.settings.notices),
    };
    let _heeding = Reload::new(args.clone(), config.clone(), live)?.begin()?;
    if let Some(caught_up) = caught_up {
        let patience = tokio::time::timeout_at(terraform_has_until, caught_up.reached());
        stopping.run_until_cancelled(patience).await;
    }
    Banner {
        port: listener.local_addr()?.port(),
        admin_user: &config.app.admin_user,
        made_password: login.made.as_deref(),
    }
    .print()?;
    answer_requests(listener, state, limits, shutdown).await?;

    working.await.context("the worker failed")?;
    if let Some(starting) = starting {
        starting.await.context("the start of the local VMs failed")?;
    }
    if let Some(vms) = vms.filter(|_| config.local.stop_with_allocator) {
        let left = vms.stop_all(&scope).await.context("cannot stop the local VMs")?;
        if !left.is_empty() {
            tracing::error!(
                vms = left.join(", "),
                "these local VMs did not stop: end each with terraform/local/vm.sh stop DIR"
            );
        }
    }
    Ok(())
}

/// Carries out operations until `stopping`. The HTTP server ends after it in any case.
async fn work(worker: Worker, stopping: CancellationToken, _shutdown: DropGuard) {
    worker.run(stopping).await;
    tracing::info!("stopping");
}
