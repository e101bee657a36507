//! Carries out the operations of one pool: takes each from the queue, keeps its lease while its
//! kind's [`Runner`] works on it, and makes sure that its end is written. It knows no kind.

mod carry_out;
mod ended;
mod held;
mod idle;
mod limit;
mod runner;
mod runners;
mod turn;

pub use ended::Ended;
pub use held::{Held, Stop};
pub use limit::Limit;
pub use runner::{Attempt, Runner, Trouble};
pub use runners::Runners;
pub use turn::Turn;

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use self::idle::Idling;
use crate::{
    Scope,
    live::{Hub, Topic},
    operations::{self, Lane, Outcome, Taken},
};

/// How often to look at the queue without a notification. Finds operations whose worker is gone or
/// whose time has come, for which there is no notification.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many operations one worker carries out at a time, each in a lane of its own.
const AT_ONCE: usize = 32;

/// What a worker works with.
pub struct WorkerParts {
    pub scope: Scope,
    pub hub: Hub,
    /// Tells this process from others in the row of an operation.
    pub owner: String,
    pub runners: Arc<Runners>,
}

pub struct Worker {
    parts: WorkerParts,
}

impl Worker {
    pub fn new(parts: WorkerParts) -> Self {
        Self { parts }
    }

    /// Works until `shutdown`: then what runs is asked to stop, and the operations end as
    /// interrupted.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut knock = self.parts.hub.subscribe(Topic::Operations(self.parts.scope.pool.id));
        let mut idling = Idling::new(Arc::clone(&self.parts.runners));
        let mut working: JoinSet<Lane> = JoinSet::new();
        while !shutdown.is_cancelled() {
            if working.len() < AT_ONCE
                && let Some(taken) = self.take().await
            {
                let lane = taken.operation.lane.clone();
                // Idle work gives way.
                let free = idling.make_way(&lane);
                let turn = Turn::new(taken, &self.parts.hub, &shutdown);
                let runners = Arc::clone(&self.parts.runners);
                working.spawn(async move {
                    free.await;
                    work(runners, turn).await;
                    lane
                });
                // Another one may have its turn as well.
                continue;
            }
            tokio::select! {
                Some(done) = working.join_next() => idling.is_free(done.ok().as_ref()),
                () = knock.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = shutdown.cancelled() => {}
            }
        }
        let stopped = idling.stop();
        while working.join_next().await.is_some() {}
        stopped.await;
    }

    async fn take(&self) -> Option<Taken> {
        let WorkerParts { scope, owner, runners, .. } = &self.parts;
        match operations::take(scope, owner, runners.kinds()).await {
            Ok(taken) => taken,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the queue could not be read");
                None
            }
        }
    }
}

/// Brings an operation to its written end, even if its runner panics.
async fn work(runners: Arc<Runners>, mut turn: Turn) {
    let (id, lease) = (turn.operation.id, Arc::clone(&turn.lease));
    tracing::info!(operation.id = %id, kind = turn.operation.kind, "operation started");
    let carrying_out = tokio::spawn(async move { runners.carry_out(&mut turn).await });
    if let Err(fault) = AbortOnDropHandle::new(carrying_out).await {
        tracing::error!(operation.id = %id, %fault, "the work on an operation broke down");
        let ended = lease.finish(&Outcome::failed(BROKEN_DOWN)).await;
        if let Err(error) = ended {
            let error = &error as &dyn std::error::Error;
            tracing::error!(operation.id = %id, error, "its end is left to who takes over");
        }
    }
}

const BROKEN_DOWN: &str = "The work broke down by a fault in LabLink; the allocator's log says more. \
                           What was done so far was kept. Look at the VMs before you try again.";
