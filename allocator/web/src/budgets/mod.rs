//! Limits on requests of VMs, each and all together, so that none of them takes the allocator away
//! from participants. Each process counts for itself.
//!
//! Requests are counted by their token, before anything is looked up; log lines by their VM,
//! whoever sends them.

mod at_once;
mod budget;
mod share;

use std::{num::NonZero, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use lablink_core::{TokenHash, logs::Batch};
use lablink_protocol::Hostname;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use self::share::{Reader, Share};
use self::{
    at_once::{AtOnce, Place},
    budget::Budget,
};
use crate::{http::Problem, metrics};

/// Requests of VMs that are answered at once; others wait for their turn. Waits and streams count
/// until their answer has begun.
const REQUESTS: usize = 64;
/// Requests of one VM that are answered at once.
const REQUESTS_EACH: usize = 8;
/// Batches of log lines that are unpacked and stored at once: each takes some tens of megabytes, and
/// a core while it is read.
const BATCHES: usize = 2;
/// Searches of logs by VMs that run at once: fewer than VMs' connections to the database.
const SEARCHES: usize = 2;
const SEARCHES_EACH: usize = 1;
/// Logs that are read by VMs as a whole or as they grow.
const STREAMS: usize = 200;
const STREAMS_EACH: usize = 2;
/// How long a request waits for its turn.
const TURN: Duration = Duration::from_secs(10);
/// How long a VM that asks for too much waits for its refusal: one that asks again at once is slowed
/// down to a few requests a second on each of its connections.
const REFUSED_AFTER: Duration = Duration::from_millis(500);
/// How many minutes' worth of requests may come at once, and of log lines: a VM that was cut off has
/// much to say.
const MINUTES_OF_REQUESTS: u32 = 1;
const MINUTES_OF_LOG: u32 = 5;

/// What each VM may send in a minute. None: as much as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentBudgets {
    pub requests: Option<NonZero<u32>>,
    pub log_lines: Option<NonZero<u32>>,
    /// Counted with the overhead of a line, about 100 bytes.
    pub log_bytes: Option<NonZero<u64>>,
}

impl Default for AgentBudgets {
    fn default() -> Self {
        Self {
            requests: NonZero::new(600),
            log_lines: NonZero::new(12_000),
            log_bytes: NonZero::new(6_000_000),
        }
    }
}

pub struct AgentLimits {
    requests: ArcSwapOption<Budget<TokenHash>>,
    log_lines: Option<Budget<Hostname>>,
    log_bytes: Option<Budget<Hostname>>,
    each: AtOnce<TokenHash>,
    all: Arc<Semaphore>,
    batches: Arc<Semaphore>,
    searches: AtOnce<TokenHash>,
    streams: AtOnce<TokenHash>,
}

/// A request that is being answered, among those of all VMs.
pub(crate) struct Entered {
    _own: Place<TokenHash>,
    _all: OwnedSemaphorePermit,
}

fn budget_of_requests(per_minute: NonZero<u32>) -> Arc<Budget<TokenHash>> {
    Arc::new(Budget::new(per_minute.into(), MINUTES_OF_REQUESTS))
}

impl AgentLimits {
    pub fn new(budgets: AgentBudgets) -> Self {
        let AgentBudgets { requests, log_lines, log_bytes } = budgets;
        let lines = |of: NonZero<u32>| Budget::new(of.into(), MINUTES_OF_LOG);
        Self {
            requests: ArcSwapOption::new(requests.map(budget_of_requests)),
            log_lines: log_lines.map(lines),
            log_bytes: log_bytes.map(|of| Budget::new(of, MINUTES_OF_LOG)),
            each: AtOnce::new(REQUESTS_EACH, usize::MAX),
            all: Arc::new(Semaphore::new(REQUESTS)),
            batches: Arc::new(Semaphore::new(BATCHES)),
            searches: AtOnce::new(SEARCHES_EACH, SEARCHES),
            streams: AtOnce::new(STREAMS_EACH, STREAMS),
        }
    }

    /// From now on each VM may send so many requests in a minute. None: as many as it likes.
    pub fn set_requests(&self, requests: Option<NonZero<u32>>) {
        self.requests.store(requests.map(budget_of_requests));
    }

    /// Lets a request in when its turn has come. `token`: that of its VM, if it sent one. A refusal
    /// comes after a pause, so that a VM that asks at once again is slowed down.
    pub(crate) async fn enter(&self, token: Option<&TokenHash>) -> Result<Entered, Problem> {
        match self.own_place(token) {
            Ok(own) => Ok(Entered { _own: own, _all: turn(&self.all).await? }),
            Err(problem) => {
                tokio::time::sleep(REFUSED_AFTER).await;
                Err(problem)
            }
        }
    }

    fn own_place(&self, token: Option<&TokenHash>) -> Result<Place<TokenHash>, Problem> {
        self.spend(token, 1)?;
        self.each.enter(token).ok_or_else(|| too_many("at_once", AT_ONCE, 1))
    }

    /// Counts the cost of something that is dearer than a usual request.
    fn spend(&self, token: Option<&TokenHash>, requests: u64) -> Result<(), Problem> {
        match (self.requests.load().as_ref(), token) {
            (Some(budget), Some(token)) if !budget.spend(token, requests) => {
                Err(too_many("requests", REQUESTS_OVER, 10))
            }
            _ => Ok(()),
        }
    }

    /// A turn to unpack and store a batch of log lines.
    pub(crate) async fn batch(&self) -> Result<OwnedSemaphorePermit, Problem> {
        turn(&self.batches).await
    }

    /// Drops the part of a batch that is over its VM's budget.
    pub(crate) fn admit(&self, hostname: &Hostname, batch: &mut Batch<'_>) {
        let lines = take(self.log_lines.as_ref(), hostname, batch.lines());
        batch.keep(lines, u64::MAX);
        let bytes = take(self.log_bytes.as_ref(), hostname, batch.bytes());
        batch.keep(u64::MAX, bytes);
    }
}

fn take(budget: Option<&Budget<Hostname>>, hostname: &Hostname, wanted: u64) -> u64 {
    budget.map_or(wanted, |budget| budget.take(hostname, wanted))
}

async fn turn(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    match tokio::time::timeout(TURN, Arc::clone(of).acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        // It is never closed.
        Ok(Err(_)) | Err(_) => {
            metrics::agent_refused("busy");
            let message = "Too many machines ask at this moment. Try again.";
            Err(Problem::try_again("busy", message, 2))
        }
    }
}

const AT_ONCE: &str = "This machine asks for too much at once.";
const REQUESTS_OVER: &str = "This machine asks too often.";

fn too_many(reason: &'static str, message: &str, seconds: u16) -> Problem {
    metrics::agent_refused(reason);
    Problem::too_many(message, seconds)
}
