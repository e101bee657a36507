//! A lease that is kept while there is work: renewed in the background, through a long `init` and
//! an outage of the database alike.

use std::{sync::Arc, time::Duration};

use lablink_core::{
    live::{Hub, Topic},
    operations::{LEASE, Lease, LeaseError, OperationId, RENEW_EVERY},
};
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// Why the work must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Somebody asked for it.
    Cancel,
    /// The allocator is stopping.
    Shutdown,
    /// The lease could not be renewed for so long that it may be somebody else's.
    DatabaseAway,
    /// Somebody else has the operation, or it is over: nothing more is ours to write.
    LeaseLost,
}

/// Renews a lease until it is dropped, and says when to stop.
pub(crate) struct Held {
    stop: watch::Receiver<Option<Stop>>,
    renewing: JoinHandle<()>,
}

impl Held {
    pub fn new(lease: Arc<Lease>, id: OperationId, hub: &Hub, shutdown: CancellationToken) -> Self {
        let (sender, stop) = watch::channel(None);
        let mut changed = hub.subscribe(Topic::Operation(id));
        let renewing = tokio::spawn(async move {
            let mut renewed = Instant::now();
            loop {
                let stop = match tokio::time::timeout(RENEW_EVERY, lease.renew()).await {
                    Ok(Ok(cancelling)) => {
                        renewed = Instant::now();
                        cancelling.then_some(Stop::Cancel)
                    }
                    Ok(Err(LeaseError::Lost)) => Some(Stop::LeaseLost),
                    Ok(Err(LeaseError::Db(_))) | Err(_) => {
                        tracing::warn!(operation.id = id, "the lease could not be renewed");
                        (renewed.elapsed() > LEASE).then_some(Stop::DatabaseAway)
                    }
                };
                let stop = stop.or_else(|| shutdown.is_cancelled().then_some(Stop::Shutdown));
                sender.send_if_modified(|told| {
                    let news = match (*told, stop) {
                        (_, Some(Stop::LeaseLost)) => stop,
                        (None, stop) => stop,
                        (told, _) => told,
                    };
                    std::mem::replace(told, news) != news
                });
                if stop == Some(Stop::LeaseLost) {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(RENEW_EVERY) => {}
                    () = changed.changed() => tokio::time::sleep(SOON).await,
                    () = shutdown.cancelled(), if !shutdown.is_cancelled() => {}
                }
            }
        });
        Self { stop, renewing }
    }

    /// Why to stop, if there is a reason.
    pub fn stop(&self) -> Option<Stop> {
        *self.stop.borrow()
    }

    /// Waits for a reason to stop that differs from `known`.
    pub async fn stopped(&mut self, known: Option<Stop>) -> Stop {
        let told = self.stop.wait_for(|stop| stop.is_some() && *stop != known).await;
        match told.map(|stop| *stop) {
            Ok(Some(stop)) => stop,
            // The keeper ends only after it has said its last.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Our own progress wakes us as well; a cancellation need not be heard faster than this.
const SOON: Duration = Duration::from_millis(500);
