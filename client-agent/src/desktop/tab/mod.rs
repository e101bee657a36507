//! The desktop in a browser's tab: a VNC server with a desktop environment, of the account whose
//! desktop is shared. Its socket is in a folder that only that account and root enter; the channels
//! of a claim are the way there.
//!
//! Another server takes this one's place behind three functions of [`TabDesktop`]: `start`, `stop`, and
//! `connect`, which knows where it is.

mod environment;
mod parts;
mod place;
mod server;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lablink_protocol::BrowserDesktop;
use tokio::{
    net::UnixStream,
    sync::{Mutex, watch},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub use self::{environment::Owner, parts::MissingPart};
use self::{parts::Parts, server::Server};
use crate::allocator::backoff::Backoff;

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(15);
/// One that ran for so long is not broken: it is started again at once.
const RAN_WELL: Duration = Duration::from_secs(60);

/// The desktop that is shown in a tab, if this machine has what it takes.
pub struct TabDesktop {
    parts: Result<Parts, MissingPart>,
    owner: Arc<Owner>,
    running: Mutex<Option<Running>>,
}

/// A desktop that is kept running.
struct Running {
    stop: CancellationToken,
    keeper: JoinHandle<()>,
    newest: watch::Receiver<Newest>,
}

/// How the newest server of a desktop is.
#[derive(Clone, Debug)]
enum Newest {
    Starting,
    Listening(PathBuf),
    Failed(String),
}

/// Why there is no desktop.
#[derive(Debug, thiserror::Error)]
pub enum TabFailure {
    #[error(transparent)]
    Missing(#[from] MissingPart),
    #[error("The desktop did not start ({0}): ask for another machine.")]
    NotStarted(String),
    #[error("The desktop was not there after {} s: ask for another machine.", START.as_secs())]
    TooSlow,
}

impl TabDesktop {
    /// Looks for its parts; starts nothing.
    pub fn new(owner: Owner) -> Self {
        Self { parts: Parts::find(), owner: Arc::new(owner), running: Mutex::default() }
    }

    /// What the allocator is told.
    pub fn announced(&self) -> BrowserDesktop {
        match &self.parts {
            Ok(_) => BrowserDesktop::Possible,
            Err(missing) => BrowserDesktop::Impossible(missing.to_string()),
        }
    }

    /// Starts it, if it does not run, and waits until it can be reached. It is started again whenever
    /// it ends, until [`Self::stop`].
    pub async fn start(&self) -> Result<(), TabFailure> {
        self.listening(None).await.map(drop)
    }

    /// A connection to it; starts it, if it does not run.
    pub async fn connect(&self) -> Result<UnixStream, TabFailure> {
        let place = self.listening(None).await?;
        if let Ok(connected) = UnixStream::connect(&place).await {
            return Ok(connected);
        }
        // That one has just ended. The next one is on its way.
        let place = self.listening(Some(&place)).await?;
        let connected = UnixStream::connect(place).await;
        connected.map_err(|problem| TabFailure::NotStarted(problem.to_string()))
    }

    /// Ends it and everything in it.
    pub async fn stop(&self) {
        let Some(running) = self.running.lock().await.take() else { return };
        running.stop.cancel();
        if let Err(panic) = running.keeper.await {
            tracing::error!("the desktop's keeper broke off: {panic}");
        }
    }

    /// Where the newest server listens; not where one has `ended`.
    async fn listening(&self, ended: Option<&Path>) -> Result<PathBuf, TabFailure> {
        let parts = self.parts.as_ref().map_err(Clone::clone)?;
        let mut newest = {
            let mut running = self.running.lock().await;
            let running = running.get_or_insert_with(|| Running::new(parts, &self.owner));
            running.newest.clone()
        };
        let settled = newest.wait_for(|newest| match newest {
            Newest::Starting => false,
            Newest::Listening(place) => ended != Some(place),
            Newest::Failed(_) => true,
        });
        match timeout(START, settled).await {
            Err(_elapsed) => Err(TabFailure::TooSlow),
            Ok(Err(_stopped)) => Err(TabFailure::NotStarted("it was stopped".to_owned())),
            Ok(Ok(newest)) => match newest.clone() {
                Newest::Listening(place) => Ok(place),
                Newest::Failed(reason) => Err(TabFailure::NotStarted(reason)),
                Newest::Starting => Err(TabFailure::TooSlow),
            },
        }
    }
}

impl Running {
    fn new(parts: &Parts, owner: &Arc<Owner>) -> Self {
        let stop = CancellationToken::new();
        let (tells, newest) = watch::channel(Newest::Starting);
        let keeper = keep(parts.clone(), Arc::clone(owner), tells, stop.clone());
        Self { stop, keeper: tokio::spawn(keeper), newest }
    }
}

/// Keeps a server running until `stop`.
async fn keep(
    parts: Parts,
    owner: Arc<Owner>,
    tells: watch::Sender<Newest>,
    stop: CancellationToken,
) {
    let mut pauses = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    while !stop.is_cancelled() {
        let began = Instant::now();
        match Server::start(&parts, &owner).await {
            Ok(mut server) => {
                tells.send_replace(Newest::Listening(server.place().to_owned()));
                tokio::select! {
                    ended = server.ended() => warn!("the desktop has ended: {ended}"),
                    () = stop.cancelled() => {}
                }
                // Nobody is led to one that ends.
                tells.send_replace(Newest::Starting);
                server.end().await;
            }
            Err(failure) => {
                warn!("the desktop did not start: {failure}");
                tells.send_replace(Newest::Failed(failure.to_string()));
            }
        }
        if began.elapsed() > RAN_WELL {
            pauses.reset();
        }
        tokio::select! {
            () = sleep(pauses.pause()) => {}
            () = stop.cancelled() => {}
        }
    }
}
