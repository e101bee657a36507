//! `serve`: brings the parts up in the order in which they need each other, and takes them down
//! in the opposite one.

mod admin_password;
mod banner;
pub mod database;
mod local;
pub mod places;
pub mod settings;
mod signals;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use lablink_core::{
    Db, Token, claims, live,
    logs::{self, Retention},
    pools,
    vms::{Source, StaleAfter},
};
use lablink_web::{AdminLogin, AgentAuth, AppState, FormLimits, Settings};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::{
    banner::Banner, database::Database, local::LocalProvider, places::Places, settings::variable,
};
use crate::{
    cli::{self, ServeArgs},
    config::{Config, ProviderKind, Reclaim},
    logging,
};

/// Database connections of one process, beside the listener's.
const CONNECTIONS: usize = 16;
/// How often agents are asked for a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// How often old log lines are looked for.
const RETENTION: Duration = Duration::from_secs(60);
/// How long requests may take to end once we are asked to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until SIGINT or SIGTERM.
pub async fn serve(args: ServeArgs) -> Result<()> {
    logging::start(args.log_format);
    let config = settings::load_to_serve(&args)?;
    let places = Places::new(args.database.data_dir.as_deref())?;
    // First of all, so that a port that is taken is told at once.
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!("cannot listen on {}: choose another address with --listen", args.listen)
    })?;
    let shutdown = CancellationToken::new();
    signals::cancel_on_signal(shutdown.clone())?;

    let database = Database::open(&config, &places, args.database.embedded_postgres).await?;
    let outcome = serve_on(&args, &config, &places, &database, listener, shutdown).await;
    database.close().await?;
    outcome
}

async fn serve_on(
    args: &ServeArgs,
    config: &Config,
    places: &Places,
    database: &Database,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<()> {
    database.migrate().await?;
    let db = Db::new(&database.connection, CONNECTIONS);
    let pool = pools::open(&db, args.environment.as_str()).await?;
    let hub = live::Hub::default();
    let listening = tokio::spawn(live::listen(database.connection.clone(), hub.clone()));

    let local = match config.provider {
        ProviderKind::Local => {
            let local = LocalProvider::new(args, config, places, &db, pool, &hub).await?;
            local.worker.catch_up().await;
            if config.local.stop_with_allocator {
                local.vms.start_all().await.context("cannot start the local VMs")?;
            }
            LocalProvider::warm_up(args, config, &db, pool).await?;
            Some(local)
        }
        ProviderKind::Aws | ProviderKind::Manual => None,
    };
    let retention = Retention { age: config.logs.age(), bytes_per_vm: config.logs.bytes_per_vm() };
    let retaining = tokio::spawn(logs::retain(db.clone(), retention, RETENTION));

    let vms = local.as_ref().map(|local| local.vms.clone());
    let working = local.map(|local| tokio::spawn(local.worker.run(shutdown.clone())));

    let login = admin_password::login(&config.app.admin, places)?;
    let state = AppState {
        db,
        pool,
        hub,
        admin: Arc::new(AdminLogin::new(config.app.admin_user.clone(), login.hash)?),
        metrics: lablink_web::metrics::start()?,
        form_limits: Arc::new(FormLimits::new(
            config.limits.form_per_address,
            config.limits.form_per_email,
        )),
        settings: Arc::new(web_settings(args, config)),
        shutdown: shutdown.clone(),
    };
    Banner {
        port: listener.local_addr()?.port(),
        admin_user: &config.app.admin_user,
        made_password: login.made.as_deref(),
    }
    .print()?;
    answer_requests(listener, state, shutdown).await?;

    tracing::info!("stopping");
    if let Some(working) = working {
        working.await.context("the worker failed")?;
    }
    if let Some(vms) = vms.filter(|_| config.local.stop_with_allocator) {
        vms.stop_all().await.context("cannot stop the local VMs")?;
    }
    retaining.abort();
    listening.abort();
    Ok(())
}

/// Answers until `shutdown`; then lets the requests that run come to their end, for a while.
async fn answer_requests(
    listener: TcpListener,
    state: AppState,
    shutdown: CancellationToken,
) -> Result<()> {
    let stop = shutdown.clone();
    let mut serving: JoinHandle<_> = tokio::spawn(async move {
        let service =
            lablink_web::router(state).into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service)
            .with_graceful_shutdown(async move { stop.cancelled().await })
            .await
    });
    tokio::select! {
        ended = &mut serving => return ended?.context("the HTTP server failed"),
        () = shutdown.cancelled() => {}
    }
    match tokio::time::timeout(DRAIN, &mut serving).await {
        Ok(ended) => ended?.context("the HTTP server failed"),
        Err(_too_long) => {
            tracing::warn!("some requests did not end in {} s; leaving them", DRAIN.as_secs());
            serving.abort();
            Ok(())
        }
    }
}

fn web_settings(args: &ServeArgs, config: &Config) -> Settings {
    Settings {
        environment: args.environment.to_string(),
        public_url: config
            .allocator_url(args.allocator_fqdn.as_deref(), args.allocator_public_ip.as_deref()),
        launches: match config.provider {
            ProviderKind::Local => Some(Source::Local),
            ProviderKind::Aws => Some(Source::Aws),
            ProviderKind::Manual => None,
        },
        machine: match config.provider {
            ProviderKind::Local => "processes on this machine that stand for VMs".to_owned(),
            ProviderKind::Aws => {
                format!("{} on AWS in {}", config.machine.machine_type, config.app.region)
            }
            ProviderKind::Manual => "machines registered by hand".to_owned(),
        },
        max_vms: config.limits.max_vms.get(),
        stale_after: StaleAfter(config.health.stale_after),
        reclaim: match config.app.reclaim {
            Reclaim::Link => claims::Reclaim::Link,
            Reclaim::Email => claims::Reclaim::Email,
        },
        agent_auth: match args.agent_auth {
            cli::AgentAuth::Required => AgentAuth::Required,
            cli::AgentAuth::Open => {
                tracing::warn!(
                    "LABLINK_AGENT_AUTH=open: anybody who reaches this address can speak for a VM"
                );
                AgentAuth::Open
            }
        },
        email_domains: config.app.email_domains.clone(),
        log_token: variable("LABLINK_LOG_TOKEN").map(|token| Token::presented(token.trim()).hash()),
        access_code: config
            .app
            .access_code
            .as_ref()
            .map(|code| Token::presented(code.expose().trim()).hash()),
        trusted_proxies: config.proxy.trusted.clone(),
        metrics_token: variable("LABLINK_METRICS_TOKEN")
            .map(|token| Token::presented(&token).hash()),
        heartbeat: HEARTBEAT,
    }
}
