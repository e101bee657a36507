//! A lease that is kept while there is work: renewed in the background, through a long `init` and
//! an outage of the database alike.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::watch, time::Instant};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::Limit;
use crate::{
    live::{Hub, Topic},
    operations::{LEASE, Lease, LeaseError, OperationId, RENEW_EVERY},
};

/// Why the work must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Somebody asked for it.
    Cancel,
    /// The allocator is stopping.
    Shutdown,
    /// Its deadline has come.
    Overdue,
    /// The lease could not be renewed for so long that another worker may have it.
    DatabaseAway,
    /// Another worker has the operation, or it is over: nothing more may be written.
    LeaseLost,
}

/// Renews a lease until it is dropped, and says when to stop.
pub struct Held {
    told: Told,
    _renewing: AbortOnDropHandle<()>,
    _hurrying: AbortOnDropHandle<()>,
    _timing: AbortOnDropHandle<()>,
}

/// The signals to the work.
#[derive(Clone)]
struct Told {
    stop: watch::Sender<Option<Stop>>,
    /// Ends the steps of the work: there is a reason to stop.
    enough: CancellationToken,
    /// Ends the steps that follow the work, which a stop gives some more time.
    late: CancellationToken,
    /// The work has ended; what follows it goes on.
    work_over: CancellationToken,
}

impl Told {
    fn tell(&self, stop: Option<Stop>) {
        self.stop.send_if_modified(|told| {
            let news = match (*told, stop) {
                (_, Some(Stop::LeaseLost)) => stop,
                (None, stop) => stop,
                // Work that is stopping for another reason has less time now.
                (Some(Stop::Cancel | Stop::Overdue | Stop::DatabaseAway), Some(Stop::Shutdown)) => {
                    stop
                }
                (told, _) => told,
            };
            std::mem::replace(told, news) != news
        });
        if stop.is_some() {
            self.enough.cancel();
        }
        if stop == Some(Stop::LeaseLost) {
            self.late.cancel();
        }
    }
}

impl Held {
    pub(super) fn new(
        lease: Arc<Lease>,
        id: OperationId,
        hub: &Hub,
        shutdown: CancellationToken,
        deadline: Instant,
    ) -> Self {
        let (stop, _) = watch::channel(None);
        let told = Told {
            stop,
            enough: CancellationToken::new(),
            late: CancellationToken::new(),
            work_over: CancellationToken::new(),
        };
        let (late, work_over) = (told.late.clone(), told.work_over.clone());
        let stopping = shutdown.clone();
        let hurrying = async move {
            stopping.cancelled().await;
            let afterwards = async {
                work_over.cancelled().await;
                tokio::time::sleep(AFTERWARDS).await;
            };
            tokio::join!(tokio::time::sleep(LAST), afterwards);
            late.cancel();
        };
        let timed = told.clone();
        let timing = async move {
            tokio::time::sleep_until(deadline).await;
            timed.tell(Some(Stop::Overdue));
        };
        let renewing = renew(lease, id, hub.clone(), shutdown, told.clone());
        Self {
            told,
            _renewing: AbortOnDropHandle::new(tokio::spawn(renewing)),
            _hurrying: AbortOnDropHandle::new(tokio::spawn(hurrying)),
            _timing: AbortOnDropHandle::new(tokio::spawn(timing)),
        }
    }

    /// The reason to stop, if there is one.
    pub fn stop(&self) -> Option<Stop> {
        *self.told.stop.borrow()
    }

    /// Waits for a reason to stop that differs from `known`.
    pub async fn stopped(&self, known: Option<Stop>) -> Stop {
        told(self.told.stop.subscribe(), known).await
    }

    /// Waits until the work should have stopped long ago.
    pub(super) fn overrun(&self) -> impl Future<Output = Stop> + Send + 'static {
        let stop = self.told.stop.subscribe();
        async move {
            let stop = told(stop, None).await;
            tokio::time::sleep(OVERRUN).await;
            stop
        }
    }

    /// The work has ended, and what follows it begins.
    pub(super) fn work_is_over(&self) {
        self.told.work_over.cancel();
    }

    /// The work itself ends at any reason to stop.
    pub fn work_limit(&self) -> Limit {
        Limit::until(self.told.enough.clone())
    }

    /// The limit for what follows the work, which goes on for a while so that the end can be
    /// written.
    pub fn end_limit(&self) -> Limit {
        Limit::until(self.told.late.clone())
    }
}

async fn told(mut stop: watch::Receiver<Option<Stop>>, known: Option<Stop>) -> Stop {
    let told = stop.wait_for(|stop| stop.is_some() && *stop != known).await;
    match told.map(|stop| *stop) {
        Ok(Some(stop)) => stop,
        // The sender is gone, so no reason can come any more.
        Ok(None) | Err(_) => std::future::pending().await,
    }
}

/// Renews the lease until it is lost.
async fn renew(
    lease: Arc<Lease>,
    id: OperationId,
    hub: Hub,
    shutdown: CancellationToken,
    told: Told,
) {
    let mut changed = hub.subscribe(Topic::Operation(id));
    let (mut renewed, mut stopping) = (Instant::now(), false);
    loop {
        let renewal = tokio::select! {
            biased;
            // Not after a database that does not answer.
            () = shutdown.cancelled(), if !stopping => {
                stopping = true;
                told.tell(Some(Stop::Shutdown));
                continue;
            }
            renewal = tokio::time::timeout(RENEW_EVERY, lease.renew()) => renewal,
        };
        let stop = match renewal {
            Ok(Ok(cancelling)) => {
                renewed = Instant::now();
                cancelling.then_some(Stop::Cancel)
            }
            Ok(Err(LeaseError::Lost)) => Some(Stop::LeaseLost),
            Ok(Err(LeaseError::Db(_))) | Err(_) => {
                tracing::warn!(operation.id = %id, "the lease could not be renewed");
                (renewed.elapsed() > LEASE).then_some(Stop::DatabaseAway)
            }
        };
        told.tell(stop);
        if stop == Some(Stop::LeaseLost) {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(RENEW_EVERY) => {}
            () = changed.changed() => tokio::time::sleep(SOON).await,
            () = shutdown.cancelled(), if !stopping => {}
        }
    }
}

/// How long the work may take to stop: longer than Terraform with a call of a cloud. Then it is
/// dropped where it stands.
const OVERRUN: Duration = Duration::from_secs(270);
/// The worker's own progress wakes it as well. A cancellation need not be heard faster than this.
const SOON: Duration = Duration::from_millis(500);
/// How long the steps after the work may go on once the allocator is stopping: so long in all, the end
/// of a running Terraform included, and at least so long after that.
const LAST: Duration = Duration::from_secs(12);
const AFTERWARDS: Duration = Duration::from_secs(4);
