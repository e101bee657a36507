use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Held, Limit, Stop};
use crate::{
    DbError, chain,
    live::Hub,
    operations::{Lease, LeaseError, Operation, OperationId, Outcome, Taken},
};

/// How soon what a database that is away did not take is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// How long it is tried: a database that is there, and still refuses, does not come back.
const REFUSED_FOR: Duration = Duration::from_mins(5);

/// How long an end is tried to be written once the allocator is stopping.
const LAST_TRIES: Duration = Duration::from_secs(10);
/// How long an operation whose worker vanished may be looked into before its end is written: that
/// must be there within 30 s, and the lease has taken 20 of them. What was looked at in vain is
/// looked at later.
const ABANDONED: Duration = Duration::from_secs(6);
/// What the last look gets in any case.
const ONE_LOOK: Duration = Duration::from_millis(1500);

/// An operation that is ours to work on.
pub struct Turn {
    pub lease: Arc<Lease>,
    pub operation: Operation,
    /// Its earlier worker vanished in the middle.
    pub abandoned: bool,
    pub held: Held,
    shutdown: CancellationToken,
    /// By when the end of an abandoned operation is to be written.
    due: Instant,
    gives_up: Option<Instant>,
    /// Since when the database has refused what is tried again now.
    refused_since: Option<Instant>,
}

impl Turn {
    /// One that was taken now.
    pub(super) fn new(taken: Taken, hub: &Hub, shutdown: &CancellationToken) -> Self {
        let Taken { lease, operation, abandoned, time_left } = taken;
        let (lease, now) = (Arc::new(lease), Instant::now());
        let held =
            Held::new(Arc::clone(&lease), operation.id, hub, shutdown.clone(), now + time_left);
        Self {
            lease,
            operation,
            abandoned,
            held,
            shutdown: shutdown.clone(),
            due: now + ABANDONED,
            gives_up: None,
            refused_since: None,
        }
    }

    /// The operation that this one follows, if that did not succeed; why that can't be said, if it
    /// can't.
    pub(super) async fn unmet(&mut self) -> Result<Option<OperationId>, String> {
        loop {
            match (self.lease.unmet().await, self.held.stop()) {
                (Ok(first), _) => return Ok(first),
                // Who works on it sees the stop before it does anything.
                (Err(_), Some(_)) => return Ok(None),
                (Err(refused), None) if self.waits_for(&refused).await => {}
                (Err(refused), None) => return Err(chain(&refused)),
            }
        }
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

    /// Whether to try again what the database has refused: after a moment if it is away, and for no
    /// longer than a few minutes. Any other error comes again as often as it is tried.
    pub async fn waits_for(&mut self, refused: &DbError) -> bool {
        let since = *self.refused_since.get_or_insert_with(Instant::now);
        let heals = refused.is_away() || refused.is_contended();
        let (id, reason) = (self.operation.id, chain(refused));
        if !heals || since.elapsed() > REFUSED_FOR {
            tracing::error!(operation.id = %id, reason, "the database refuses this");
            return false;
        }
        tracing::warn!(operation.id = %id, reason, "waiting for the database");
        tokio::time::sleep(RETRY_EVERY).await;
        true
    }

    /// Whether the operation's end has to be written once more. As long as the lease is ours,
    /// nobody else can; where it can't be written as it was, the operation ends as failed.
    pub async fn again(&mut self, written: Result<(), LeaseError>) -> bool {
        let id = self.operation.id;
        let refused = match written {
            Ok(()) => {
                tracing::info!(operation.id = %id, "operation ended");
                return false;
            }
            Err(LeaseError::Lost) => return false,
            Err(LeaseError::Db(refused)) => refused,
        };
        if self.shutdown.is_cancelled() && self.gives_up.is_none() {
            self.gives_up = Some(Instant::now() + LAST_TRIES);
        }
        if !self.waits_for(&refused).await {
            self.fail(&refused).await;
            return false;
        }
        let given_up = self.gives_up.is_some_and(|end| Instant::now() > end);
        self.held.stop() != Some(Stop::LeaseLost) && !given_up
    }

    /// Ends an operation whose end the database did not take, so that it does not hold up those
    /// after it.
    async fn fail(&self, refused: &DbError) {
        let reason = format!(
            "How this ended could not be written: {}. What was done was kept. Look at the machines \
             before you try again.",
            chain(refused)
        );
        let ended = match self.lease.finish(&Outcome::failed(&reason)).await {
            Err(LeaseError::Db(_)) => self.lease.close(&reason).await,
            ended => ended,
        };
        if let Err(error) = ended {
            let error = &error as &dyn std::error::Error;
            tracing::error!(operation.id = %self.operation.id, error, "it has no written end");
        }
    }
}
