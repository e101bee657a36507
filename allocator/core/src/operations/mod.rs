//! Operations: durable jobs of any kind.
//!
//! A request writes a row; a worker in some allocator leases it, does the work and renews the
//! lease. Every write of a worker names its attempt, so that a worker that lost the lease without
//! noticing is refused. Operations of one lane take turns. Each [`Kind`] has its own file.

mod ask;
mod begin;
mod decide;
mod end;
mod kind;
mod kinds;
mod known;
mod lane;
mod lease;
mod log;
mod read;
mod report;
mod retry;
mod steps;
mod take;
mod take_back;
mod targets;
mod watchdog;

pub use crate::ids::OperationId;
pub use ask::{Ask, ask};
pub use decide::{approve, cancel, reject};
pub use end::{Again, Counts, Outcome};
pub use kind::Kind;
pub(crate) use kind::vm_count;
pub use kinds::*;
pub use known::Kinds;
pub use lane::Lane;
pub use lease::{LEASE, Lease, LeaseError, RENEW_EVERY};
pub use log::{LogLevel, LogLine, log, log_after, log_before};
pub use read::{Filter, Operation, counts, find, list, recent};
pub use report::{Makes, Report};
pub use retry::{RetryError, retry, undone};
pub use steps::{Stage, Step, steps, usual_seconds};
pub use take::{Taken, take};
pub use take_back::{Invited, TakeBack, TakeBackError, Then, Whose, give_fresh_machine, take_back};
use targets::targets_in;
pub use targets::{Standing, Target, targets};
pub use watchdog::end_overdue;

use crate::text_enum::text_enum;

text_enum! {
    pub enum OperationState {
        /// It waits for approval, and then joins the queue.
        AwaitingApproval = "awaiting_approval",
        Queued = "queued",
        Running = "running",
        Succeeded = "succeeded",
        Failed = "failed",
        Cancelled = "cancelled",
        /// Its worker died or was stopped in the middle; what it had done was kept.
        Interrupted = "interrupted",
    }
}

impl OperationState {
    pub fn is_over(self) -> bool {
        !matches!(self, Self::AwaitingApproval | Self::Queued | Self::Running)
    }
}
