use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Held, Limit, Stop};
use crate::{
    DbError, chain,
    live::Hub,
    operations::{Lease, LeaseError, Operation, OperationId, Outcome, Taken},
};

/// The pause before a write is tried again while the database is away.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// How long it is tried. A database that is there and still refuses will not change its mind.
const REFUSED_FOR: Duration = Duration::from_mins(5);

/// How long to try to write an end once the allocator is stopping.
const LAST_TRIES: Duration = Duration::from_secs(10);
/// How long to look into an operation whose worker vanished before its end is written. The end is
/// due within 30 s, and the lease has taken 20 of them; only calls of a cloud that the vanished one
/// has begun may take longer to end. Whatever could not be read in time is read later.
const ABANDONED: Duration = Duration::from_secs(6);
/// The time that the last look gets in any case.
const ONE_LOOK: Duration = Duration::from_millis(1500);

/// An operation that this worker has taken.
pub struct Turn {
    pub lease: Arc<Lease>,
    pub operation: Operation,
    /// Its earlier worker vanished in the middle.
    pub abandoned: bool,
    pub held: Held,
    shutdown: CancellationToken,
    /// When the end of an abandoned operation is due.
    due: Instant,
    gives_up: Option<Instant>,
    /// Since when the database has refused what is tried again now.
    refused_since: Option<Instant>,
}

impl Turn {
    /// For an operation that was just taken.
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

    /// The operation that this one follows, if that did not succeed. An error is the reason why
    /// this is unknown.
    pub(super) async fn unmet(&mut self) -> Result<Option<OperationId>, String> {
        loop {
            match (self.lease.unmet().await, self.held.stop()) {
                (Ok(first), _) => return Ok(first),
                // The runner sees the stop before it does anything.
                (Err(_), Some(_)) => return Ok(None),
                (Err(refused), None) if self.waits_for(&refused).await => {}
                (Err(refused), None) => return Err(chain(&refused)),
            }
        }
    }

    /// What an earlier worker left running has ended. If that took all the time there was for a look
    /// into it, as calls of a cloud may, that time counts from now.
    pub fn begin_look(&mut self) {
        let now = Instant::now();
        if self.due <= now {
            self.due = now + ABANDONED;
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

    /// Whether to try again after an error of the database, after a pause. Yes if it is away, for a
    /// few minutes at most. Any other error would come again.
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

    /// Whether to write the operation's end once more. While this worker has the lease, nobody else
    /// can write it. If the database refuses this end, the operation ends as failed.
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

    /// Ends an operation whose end the database refused, so that it does not hold up those after
    /// it.
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
