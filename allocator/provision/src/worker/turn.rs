use std::sync::Arc;

use lablink_core::operations::{Lease, LeaseError, Operation};
use tokio_util::sync::CancellationToken;

use super::{Held, RETRY_EVERY, Stop};

/// How often an end is tried to be written once the allocator is stopping.
const LAST_TRIES: u32 = 10;

/// An operation that is ours to work on.
pub(crate) struct Turn {
    pub lease: Arc<Lease>,
    pub operation: Operation,
    /// Its earlier worker vanished in the middle.
    pub abandoned: bool,
    pub held: Held,
    shutdown: CancellationToken,
    tries_left: u32,
}

impl Turn {
    pub fn new(
        lease: Arc<Lease>,
        operation: Operation,
        abandoned: bool,
        held: Held,
        shutdown: CancellationToken,
    ) -> Self {
        Self { lease, operation, abandoned, held, shutdown, tries_left: LAST_TRIES }
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
        if self.shutdown.is_cancelled() {
            self.tries_left -= 1;
        }
        tokio::time::sleep(RETRY_EVERY).await;
        self.held.stop() != Some(Stop::LeaseLost) && self.tries_left > 0
    }
}
