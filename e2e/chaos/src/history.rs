//! What clients saw and did, and what was done to the world: records with times, for the checker.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::clock::{At, Clock};

#[derive(Default, Serialize)]
pub struct History {
    pub calls: Vec<Call>,
    pub promises: Vec<Promise>,
    pub asks: Vec<Ask>,
    pub batches: Vec<Batch>,
    pub probes: Vec<Probe>,
    pub faults: Vec<Fault>,
    pub exits: Vec<Exit>,
    pub workers: Vec<Worker>,
    pub pressure: Vec<Pressure>,
}

/// One request, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    pub at: At,
    pub took: At,
    pub who: String,
    pub what: String,
    pub answer: Answered,
}

#[derive(Clone, Debug, Serialize)]
pub enum Answered {
    Status {
        status: u16,
        retry_after: bool,
        /// Only for a 5xx.
        body: String,
    },
    /// No answer came; why.
    Lost(String),
}

/// "This machine, this PIN", as a page or JSON told a participant.
#[derive(Clone, Debug, Serialize)]
pub struct Promise {
    pub at: At,
    pub email: String,
    pub hostname: String,
    pub pin: String,
}

/// Something that was asked for, from the moment at which it was sent: whatever became of the
/// answer, it may have been done.
#[derive(Clone, Debug, Serialize)]
pub struct Ask {
    pub at: At,
    pub wish: Wish,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Wish {
    /// A new command for an open claim.
    Command {
        code: String,
    },
    GiveBack {
        email: String,
    },
    Release {
        hostname: String,
        then: Then,
    },
    Destroy {
        hostnames: Vec<String>,
    },
    Replace {
        hostname: String,
    },
    Forget {
        hostname: String,
    },
    Reboot {
        hostname: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Then {
    Replace,
    Reuse,
}

/// Log lines that were sent together, each with its id.
#[derive(Clone, Debug, Serialize)]
pub struct Batch {
    pub at: At,
    pub hostname: String,
    pub ids: Vec<String>,
    pub acknowledged: bool,
}

/// A look at one allocator, beside the load.
#[derive(Clone, Debug, Serialize)]
pub struct Probe {
    pub at: At,
    pub took: At,
    pub allocator: usize,
    pub path: &'static str,
    /// None: no answer in time.
    pub status: Option<u16>,
}

/// Something that was done to the world, until its cause ended.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    pub kind: String,
    pub hits: Hits,
    pub began: At,
    pub ended: At,
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Hits {
    Everybody,
    Allocator(usize),
    /// The machine of this name.
    Machine(String),
    /// Terraform and its state: what fails is an operation, not the service.
    Operations,
}

/// An allocator's process that ended.
#[derive(Clone, Debug, Serialize)]
pub struct Exit {
    pub at: At,
    pub allocator: usize,
    pub pid: u32,
    pub why: Why,
    /// Since it was asked to.
    pub took: At,
    /// None: by a signal.
    pub code: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Why {
    Killed,
    AskedToStop,
    ByItself,
}

/// The worker of an operation, as seen now and then.
#[derive(Clone, Debug, Serialize)]
pub struct Worker {
    pub at: At,
    pub operation: i64,
    /// `process PID`.
    pub owner: String,
}

/// For how long, since the start, some process had to wait for a processor, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Pressure {
    pub at: At,
    pub waited: At,
}

/// Where everybody writes what they see.
pub struct Recorder {
    pub clock: Clock,
    history: Mutex<History>,
}

impl Recorder {
    pub fn new(clock: Clock) -> Self {
        Self { clock, history: Mutex::default() }
    }

    pub fn now(&self) -> At {
        self.clock.now()
    }

    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn asks(&self, wish: Wish) {
        let at = self.now();
        self.history().asks.push(Ask { at, wish });
    }

    pub fn promised(&self, email: &str, hostname: &str, pin: &str) {
        let at = self.now();
        let (email, hostname, pin) = (email.to_owned(), hostname.to_owned(), pin.to_owned());
        self.history().promises.push(Promise { at, email, hostname, pin });
    }
}
