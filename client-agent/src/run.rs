use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use nix::unistd::{User, getuid};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::{
    api::Api, attempt::Vm, claims::Claims, credential::Credential, in_use,
    remote_desktop::RemoteDesktop, reports, settings::RunArguments, state_dir::StateDir,
    transport::Transport, wait,
};

/// How long start-host may take to register the machine.
const REMOTE_DESKTOP_LIMIT: Duration = Duration::from_secs(60);

/// Runs the agent until it is told to stop. Fails only where settings are wrong.
pub async fn until_stopped(settings: RunArguments) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("can't wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't wait for SIGINT")?;
    let watched = settings.watched_software();
    let vm = Arc::new(vm(settings)?);
    let mut claims = Claims::resume(Arc::clone(&vm))?;

    let work = async {
        vm.api.enrol_if_needed().await;
        let use_watch = async {
            if let Some(software) = watched {
                in_use::watch(&vm.api, software).await;
            }
        };
        tokio::join!(
            wait::for_claims(&vm.api, &mut claims),
            reports::running(&vm.api),
            reports::heartbeats(&vm.api),
            use_watch,
        );
    };
    tokio::select! {
        () = work => {}
        _ = terminate.recv() => info!("stopping: SIGTERM"),
        _ = interrupt.recv() => info!("stopping: SIGINT"),
    }
    claims.end().await;
    Ok(())
}

fn vm(settings: RunArguments) -> anyhow::Result<Vm> {
    let state = StateDir::open(settings.state_dir.clone())?;
    let home = settings.home()?;
    let hostname = settings.hostname.clone();
    let enrolment = settings.enrolment_token()?;
    let credential = Credential::load(hostname.clone(), enrolment, state.clone())?;
    info!(vm.hostname = %hostname, "starting");
    let transport = Transport::new(settings.allocator_url)?;
    let remote_desktop = RemoteDesktop {
        program: settings.remote_desktop,
        hostname: hostname.clone(),
        home,
        user: login_name()?,
        limit: REMOTE_DESKTOP_LIMIT,
    };
    Ok(Vm { api: Api::new(transport, credential, hostname), state, remote_desktop })
}

fn login_name() -> anyhow::Result<String> {
    let id = getuid();
    let user = User::from_uid(id).context("can't read the user database")?;
    user.map(|user| user.name).with_context(|| {
        format!("user {id} has no name: the agent must run as a user of this machine")
    })
}
