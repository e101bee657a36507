//! Operations: durable jobs, one at a time per pool.
//!
//! A request writes a row; a worker in some allocator leases it, does the work and renews the
//! lease. Every write of a worker names its attempt, so that one who lost the lease without
//! noticing is refused.

mod again;
mod ask;
mod begin;
mod collect;
mod first;
mod lease;
mod read;
mod solve;
mod steps;
mod take_back;
mod targets;

pub use crate::ids::OperationId;
pub use again::{RetryError, replace, retry, undone};
pub(crate) use ask::lock as lock_pool;
pub use ask::{AskError, LaunchError, cancel, destroy, launch};
pub use collect::{collect, collect_and_destroy};
pub use first::launch_first;
pub use lease::{LEASE, Lease, LeaseError, LogLevel, Outcome, RENEW_EVERY, Report, Taken, take};
pub use read::{
    Filter, LogLine, Operation, counts, find, is_at_work, list, log, log_before, recent,
};
pub use solve::{SolveError, bring_back, give_up};
pub use steps::{Stage, Step, steps, usual_seconds};
pub use take_back::{Invited, TakeBack, TakeBackError, Then, Whose, give_fresh_machine, take_back};
pub use targets::{Standing, Target, targets};

use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use crate::{collections::OnSkipped, pools::Extension, text_enum::text_enum};

text_enum! {
    pub enum OperationState {
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
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What an operation is to do. Stored as `kind` and `payload`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Job {
    /// Make these VMs, and keep what exists.
    Launch { hostnames: Vec<Hostname> },
    /// Remove these VMs, and nothing else.
    Destroy {
        hostnames: Vec<Hostname>,
        /// The collection of their results that must have succeeded first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<OperationId>,
    },
    /// Make these VMs anew, under the same names, whether they exist or not.
    Replace { hostnames: Vec<Hostname> },
    /// Bring the results of these VMs together.
    Collect {
        hostnames: Vec<Hostname>,
        extension: Extension,
        #[serde(default, skip_serializing_if = "OnSkipped::is_default")]
        on_skipped: OnSkipped,
    },
    /// Put these VMs back into Terraform's state, which has lost them.
    BringBack { hostnames: Vec<Hostname> },
    /// Let go of these VMs, which Terraform's state has lost, and take the state as it is.
    GiveUp { hostnames: Vec<Hostname> },
}

/// A job that Terraform carries out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    Launch(&'a [Hostname]),
    Destroy(&'a [Hostname]),
    Replace(&'a [Hostname]),
}

impl<'a> Change<'a> {
    pub fn hostnames(self) -> &'a [Hostname] {
        match self {
            Self::Launch(hostnames) | Self::Destroy(hostnames) | Self::Replace(hostnames) => {
                hostnames
            }
        }
    }
}

impl Job {
    pub fn hostnames(&self) -> &[Hostname] {
        match self {
            Self::Launch { hostnames }
            | Self::Destroy { hostnames, .. }
            | Self::Replace { hostnames }
            | Self::Collect { hostnames, .. }
            | Self::BringBack { hostnames }
            | Self::GiveUp { hostnames } => hostnames,
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Launch { .. } => "launch",
            Self::Destroy { .. } => "destroy",
            Self::Replace { .. } => "replace",
            Self::Collect { .. } => "collect",
            Self::BringBack { .. } => "bring_back",
            Self::GiveUp { .. } => "give_up",
        }
    }

    /// What it changes about which VMs there are; none: nothing, so no apply is needed.
    pub fn change(&self) -> Option<Change<'_>> {
        match self {
            Self::Launch { hostnames } => Some(Change::Launch(hostnames)),
            Self::Destroy { hostnames, .. } => Some(Change::Destroy(hostnames)),
            Self::Replace { hostnames } => Some(Change::Replace(hostnames)),
            Self::Collect { .. } | Self::BringBack { .. } | Self::GiveUp { .. } => None,
        }
    }

    /// The collection that must have succeeded before this may begin.
    pub fn after(&self) -> Option<OperationId> {
        match self {
            Self::Destroy { after, .. } => *after,
            Self::Launch { .. }
            | Self::Replace { .. }
            | Self::Collect { .. }
            | Self::BringBack { .. }
            | Self::GiveUp { .. } => None,
        }
    }

    fn payload(&self) -> serde_json::Value {
        serde_json::json!(self)["payload"].take()
    }
}
