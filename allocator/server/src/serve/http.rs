use std::time::Duration;

use anyhow::{Context, Result};
use lablink_web::{AppState, Bounds, ConnectionLimits, Patience};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// How long running requests may take to end after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// More open files would be of no use, and some started programs look at each possible one.
const MOST_FILES: u64 = 65_536;

/// How many connections this process may have. Raises its limit of open files as far as allowed.
pub fn connection_limits(per_address: Option<usize>) -> Result<ConnectionLimits> {
    let (now, most) = getrlimit(Resource::RLIMIT_NOFILE).context("no limit of open files")?;
    let files = most.min(MOST_FILES).max(now.min(most));
    setrlimit(Resource::RLIMIT_NOFILE, files, most).context("cannot raise the limit of files")?;
    let bounds = Bounds::of_files(usize::try_from(files)?, per_address);
    if per_address.is_some_and(|wanted| bounds.strangers_per_address != Some(wanted)) {
        tracing::warn!(
            files,
            connections = bounds.all,
            "only so many files may be open: raise the limit (ulimit -Hn, LimitNOFILE)"
        );
    }
    Ok(ConnectionLimits { bounds, patience: Patience::default() })
}

/// Answers requests until `shutdown`, then gives running ones a while to end.
pub async fn answer_requests(
    listener: TcpListener,
    state: AppState,
    limits: ConnectionLimits,
    shutdown: CancellationToken,
) -> Result<()> {
    let proxies = state.settings.proxies.clone();
    let router = lablink_web::router(state);
    let serving = lablink_web::serve(listener, router, limits, proxies, shutdown.clone());
    let mut serving: JoinHandle<()> = tokio::spawn(serving);
    tokio::select! {
        ended = &mut serving => return ended.context("the HTTP server failed"),
        () = shutdown.cancelled() => {}
    }
    match tokio::time::timeout(DRAIN, &mut serving).await {
        Ok(ended) => ended.context("the HTTP server failed"),
        Err(_too_long) => {
            tracing::warn!("some requests did not end in {} s; leaving them", DRAIN.as_secs());
            serving.abort();
            Ok(())
        }
    }
}
