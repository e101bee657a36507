//! Claims that are asked for at the same moment are written together.
//!
//! Each commit that notifies waits for the one before it, and for the disk: a class that clicks at
//! once would wait for as many commits as it has people. A request that comes while others are being
//! written waits for the next statement, which takes all that have come by then.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{runtime::Handle, sync::oneshot};

use super::assign::{Locked, NewClaim, Outcome, assign, assign_one};
use crate::{DbError, Scope, db::limits};

/// Requests for VMs on their way to the database. One for each process; clones are the same one.
#[derive(Clone, Default)]
pub struct Intake {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// How many have waited, ever.
    tickets: u64,
    at_work: usize,
}

/// How many statements run at the same time: one works while another commits.
const AT_WORK: usize = 2;

/// The most claims of one statement: it locks as many VMs.
const TOGETHER: usize = 64;

struct Waiting {
    ticket: u64,
    scope: Scope,
    claim: NewClaim,
    answer: oneshot::Sender<Outcome>,
}

impl Intake {
    /// Takes a VM for a claim. None: it was asked for together with others, and that failed; whether
    /// a VM was taken is not known.
    pub(super) async fn assign(
        &self,
        scope: &Scope,
        claim: &NewClaim,
    ) -> Result<Option<Outcome>, DbError> {
        match self.enter(scope, claim) {
            Entry::First(_turn) => {
                let client = scope.client().await?;
                assign_one(&client, &scope.pool, claim, Locked::Skip).await.map(Some)
            }
            Entry::Waits { ticket, answer } => Ok(self.outcome(ticket, answer).await),
        }
    }

    /// Who is not served soon asks alone, and gets the error that there is.
    async fn outcome(
        &self,
        ticket: u64,
        mut answer: oneshot::Receiver<Outcome>,
    ) -> Option<Outcome> {
        if let Ok(answered) = tokio::time::timeout(limits::POOL, &mut answer).await {
            return answered.ok();
        }
        // Not there: it is being written.
        let _taken_out = self.queue().waiting.extract_if(.., |it| it.ticket == ticket).next();
        answer.await.ok()
    }

    fn enter(&self, scope: &Scope, claim: &NewClaim) -> Entry {
        let mut queue = self.queue();
        if queue.at_work < AT_WORK {
            queue.at_work += 1;
            return Entry::First(Turn(self.clone()));
        }
        let (sender, answer) = oneshot::channel();
        let (scope, claim) = (scope.clone(), claim.clone());
        queue.tickets += 1;
        let ticket = queue.tickets;
        queue.waiting.push(Waiting { ticket, scope, claim, answer: sender });
        Entry::Waits { ticket, answer }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entry {
    /// It need not wait.
    First(Turn),
    Waits {
        ticket: u64,
        answer: oneshot::Receiver<Outcome>,
    },
}

impl Queue {
    /// Those who wait longest for VMs of one pool.
    fn next(&mut self) -> Vec<Waiting> {
        // Some have gone away.
        self.waiting.retain(|waiting| !waiting.answer.is_closed());
        let Some(pool) = self.waiting.first().map(|first| first.scope.pool.as_i64()) else {
            return Vec::new();
        };
        let mut room = TOGETHER;
        let is_next = |waiting: &mut Waiting| {
            let takes = room > 0 && waiting.scope.pool.as_i64() == pool;
            room -= usize::from(takes);
            takes
        };
        self.waiting.extract_if(.., is_next).collect()
    }
}

/// The right to run one of the statements. Who is done, or gives up, passes it on to those who wait.
struct Turn(Intake);

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        let next = queue.next();
        match Handle::try_current() {
            Ok(runtime) if !next.is_empty() => {
                let turn = Turn(self.0.clone());
                runtime.spawn(async move {
                    serve(next).await;
                    drop(turn);
                });
            }
            _ => queue.at_work -= 1,
        }
    }
}

/// A failure is told by silence: each of them then asks alone, and gets the error that it meets.
async fn serve(waiting: Vec<Waiting>) {
    let Some(Waiting { scope, .. }) = waiting.first() else { return };
    let claims: Vec<NewClaim> = waiting.iter().map(|waiting| waiting.claim.clone()).collect();
    let written = async {
        let client = scope.client().await?;
        assign(&client, &scope.pool, &claims, Locked::Skip).await
    };
    match written.await {
        Ok(outcomes) => {
            for (waiting, outcome) in waiting.into_iter().zip(outcomes) {
                // Whoever has gone away gets the same VM again by asking again.
                let _gone = waiting.answer.send(outcome);
            }
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, claims = claims.len(), "claims could not be written together");
        }
    }
}
