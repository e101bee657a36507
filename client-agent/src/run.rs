use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use lablink_protocol::Vitals;
use nix::unistd::{User, getuid};
use sd_notify::NotifyState;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::timeout,
};
use tracing::{debug, info};

use crate::{
    allocator::Api,
    claims::{Claims, cleaning, wait},
    clean::Cleaner,
    cloud,
    desktop::{DesktopSession, Owner, RemoteDesktop, TabDesktop, in_use, token_keeping},
    gpu,
    logs::{self, OwnLines},
    reports,
    settings::RunArguments,
    startup_times,
    vm::Vm,
};

/// How long start-host may take to register the machine.
const REMOTE_DESKTOP_LIMIT: Duration = Duration::from_secs(60);
/// How long a stop may wait for an allocator to hear of it.
const GOODBYE: Duration = Duration::from_secs(1);

/// Runs the agent until it is told to stop. Fails only where settings are wrong.
pub async fn until_stopped(settings: RunArguments, own_lines: OwnLines) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("can't wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't wait for SIGINT")?;
    let watched = settings.watched_software();
    let (gpu, cloud, startup, logs) = (
        settings.gpu.clone(),
        settings.cloud.clone(),
        settings.startup.clone(),
        settings.logs.clone(),
    );
    let vm = Arc::new(vm(settings)?);
    let _locked = vm.state.lock()?;
    let home = vm.remote_desktop.home.clone();
    let mut claims = Claims::resume(Arc::clone(&vm))?;
    // The settings are right; the allocator may be out of reach for hours, and that is no failure.
    tell_service_manager(&[NotifyState::Ready]);

    let work = async {
        vm.api.enrol_if_needed().await;
        let (gpu_vitals, seen_gpus) = watch::channel(gpu::GpuVitals::default());
        let (announced, notice) = watch::channel(None);
        let beating = async {
            let cleaning = Some(vm.cleaner.cleaning().clone());
            let token = Some(token_keeping::of(vm.remote_desktop.account.as_ref()).await);
            let desktop = Some(vm.tab_desktop.announced());
            let settled = Vitals { cleaning, token, desktop, ..Vitals::default() };
            reports::heartbeats(&vm.api, home, &settled, seen_gpus, notice).await;
        };
        let use_watch = async {
            if let Some(software) = watched {
                in_use::watch(&vm.api, software).await;
            }
        };
        let shipping = async {
            if logs.are_wanted() {
                logs::ship(&vm.api, &vm.state, &own_lines, logs).await;
            }
        };
        tokio::join!(
            wait::for_claims(&vm.api, &mut claims),
            reports::running(&vm.api),
            beating,
            gpu::watch(&vm.api, gpu, gpu_vitals),
            cloud::watch(cloud, announced),
            startup_times::report(&vm.api, startup),
            cleaning::tidy(&vm),
            use_watch,
            shipping,
        );
    };
    tokio::select! {
        () = work => {}
        () = keep_watchdog_quiet() => {}
        _ = terminate.recv() => info!("stopping: SIGTERM"),
        _ = interrupt.recv() => info!("stopping: SIGINT"),
    }
    tell_service_manager(&[NotifyState::Stopping]);
    let (told, ()) = tokio::join!(timeout(GOODBYE, vm.api.say_goodbye()), claims.end());
    if !matches!(told, Ok(Ok(()))) {
        debug!("the allocator was not told of the stop: it will miss the heartbeats");
    }
    Ok(())
}

fn vm(settings: RunArguments) -> anyhow::Result<Vm> {
    let account = settings.account()?;
    let (home, user) = match &account {
        Some(account) => (account.home.clone(), account.name.clone()),
        None => (settings.home()?, login_name()?),
    };
    let hostname = settings.connection.hostname.clone();
    let (api, state): (Api, _) = settings.connection.open()?;
    info!(vm.hostname = %hostname, "starting");
    let program = settings.remote_desktop;
    let session = DesktopSession::beside(&program, &home, &user, account.clone());
    let tab_desktop = TabDesktop::new(Owner {
        hostname: hostname.to_string(),
        home: home.clone(),
        user: user.clone(),
        account: account.clone(),
    });
    let remote_desktop = RemoteDesktop {
        program,
        hostname,
        home,
        user,
        account: account.clone(),
        limit: REMOTE_DESKTOP_LIMIT,
        session,
    };
    let cleaner = Cleaner::new(account, settings.clean);
    Ok(Vm { api, state, remote_desktop, tab_desktop, cleaner })
}

fn login_name() -> anyhow::Result<String> {
    let id = getuid();
    let user = User::from_uid(id).context("can't read the user database")?;
    user.map(|user| user.name).with_context(|| {
        format!("user {id} has no name: the agent must run as a user of this machine")
    })
}

/// Does nothing unless systemd started the agent.
fn tell_service_manager(state: &[NotifyState<'_>]) {
    if let Err(problem) = sd_notify::notify(state) {
        debug!("the service manager can't be told: {problem}");
    }
}

/// Shows systemd that the agent's loop turns, where the unit asks for it with `WatchdogSec=`.
async fn keep_watchdog_quiet() {
    let Some(limit) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    loop {
        tell_service_manager(&[NotifyState::Watchdog]);
        tokio::time::sleep(limit / 3).await;
    }
}
