use std::{sync::Arc, time::Duration};

use lablink_core::operations::{Lease, LeaseError, Operation};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Held, Limit, RETRY_EVERY, Stop};

/// How long an end is tried to be written once the allocator is stopping.
const LAST_TRIES: Duration = Duration::from_secs(10);
/// How long an operation whose worker vanished may be looked into before its end is written: that
/// must be there within 30 s, and the lease has taken 20 of them. What was looked at in vain is
/// looked at later.
const ABANDONED: Duration = Duration::from_secs(6);
/// What the last look gets in any case.
const ONE_LOOK: Duration = Duration::from_millis(1500);

/// An operation that is ours to work on.
pub(crate) struct Turn {
    pub lease: Arc<Lease>,
    pub operation: Operation,
    /// Its earlier worker vanished in the middle.
    pub abandoned: bool,
    pub held: Held,
    shutdown: CancellationToken,
    /// By when the end of an abandoned operation is to be written.
    due: Instant,
    gives_up: Option<Instant>,
}

impl Turn {
    /// One that was taken at `taken_at`.
    pub fn new(
        lease: Arc<Lease>,
        operation: Operation,
        abandoned: bool,
        held: Held,
        shutdown: CancellationToken,
        taken_at: Instant,
    ) -> Self {
        let due = taken_at + ABANDONED;
        Self { lease, operation, abandoned, held, shutdown, due, gives_up: None }
    }

    /// When the steps of the work have to end.
    pub fn work_limit(&self) -> Limit {
        let limit = self.held.work_limit();
        if self.abandoned { limit.by(self.due) } else { limit }
    }

    /// When the steps that follow the work have to end.
    pub fn end_limit(&self) -> Limit {
        let limit = self.held.end_limit();
        if self.abandoned { limit.by(self.due.max(Instant::now() + ONE_LOOK)) } else { limit }
    }

    /// Whether the operation's end has to be written once more, after a moment: as long as the
    /// lease is ours, nobody else can.
    pub async fn again(&mut self, written: Result<(), LeaseError>) -> bool {
        let id = self.operation.id;
        match written {
            Ok(()) => {
                tracing::info!(operation.id = id, "operation ended");
                return false;
            }
            Err(LeaseError::Lost) => return false,
            Err(LeaseError::Db(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the operation's end could not be written; trying again"
                );
            }
        }
        if self.shutdown.is_cancelled() && self.gives_up.is_none() {
            self.gives_up = Some(Instant::now() + LAST_TRIES);
        }
        tokio::time::sleep(RETRY_EVERY).await;
        let given_up = self.gives_up.is_some_and(|end| Instant::now() > end);
        self.held.stop() != Some(Stop::LeaseLost) && !given_up
    }
}
