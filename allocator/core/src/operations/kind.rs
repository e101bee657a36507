use std::{future::Future, time::Duration};

use lablink_protocol::Hostname;
use serde::{Serialize, de::DeserializeOwned};

use super::{OperationState, ask::Ask, lane::Lane};
use crate::{DbError, events::Change, ids::OperationId};

/// What an operation can be. The type is its payload, as the row keeps it: fields may be added later,
/// with defaults, and none may change its meaning.
///
/// The engine knows a kind by this alone, and by the runner that carries it out
/// (`worker::Runner`). Both are registered together.
pub trait Kind: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// As rows and programs call it.
    const WORD: &'static str;
    /// As lists and filters call it.
    const NAME: &'static str;
    /// Whether the machines of its VMs go: from the queue on nobody can claim them, and one that
    /// somebody has claimed since is left out.
    const REMOVES: bool = false;
    /// How often it is tried in all, where an attempt fails by what may pass.
    const MAX_ATTEMPTS: u16 = 1;

    /// What is done, as people read it: `Launch 3 VMs`.
    fn title(&self) -> String;

    /// The VMs that it is about.
    fn hostnames(&self) -> &[Hostname];

    /// Operations of one lane and pool exclude each other.
    fn lane(&self) -> Lane {
        Lane::MACHINES
    }

    /// How long one attempt may take, at most. Then it is stopped, and has failed.
    fn time_limit(&self) -> Duration;

    /// How much there is to do at first sight; 0: nobody knows yet.
    fn total(&self) -> usize {
        self.hostnames().len()
    }

    /// Why it can't begin, where the operation `first` was to succeed before it and did not.
    fn unmet(&self, first: OperationId) -> String {
        format!(
            "Nothing was done: operation {first} had to succeed first, and it did not. Look at \
             what it says, then ask for this again."
        )
    }

    /// Undoes what asking for it has done: it is cancelled or rejected before it began, by this
    /// change, which holds the pool's lock.
    fn undo(
        &self,
        _change: &mut Change<'_>,
        _id: OperationId,
    ) -> impl Future<Output = Result<(), DbError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Notes that it ended without being begun, and why.
    fn called_off(
        &self,
        _change: &mut Change<'_>,
        _id: OperationId,
        _reason: &str,
    ) -> impl Future<Output = Result<(), DbError>> + Send {
        std::future::ready(Ok(()))
    }

    /// What does the rest of it, now that it is over; none: nothing is left.
    fn rest(
        self,
        _change: &mut Change<'_>,
        _id: OperationId,
    ) -> impl Future<Output = Result<Option<Ask>, DbError>> + Send {
        std::future::ready(Ok(None))
    }
}

impl Ask {
    pub fn of<K: Kind>(job: &K) -> Self {
        Self {
            kind: K::WORD,
            payload: serde_json::json!(job),
            title: job.title(),
            hostnames: job.hostnames().to_vec(),
            lane: job.lane(),
            removes: K::REMOVES,
            total: job.total(),
            time_limit: job.time_limit(),
            max_attempts: K::MAX_ATTEMPTS,
            after: None,
            not_before: None,
            parent: None,
            state: OperationState::Queued,
        }
    }
}

/// `1 VM`, `3 VMs`: for titles.
pub(super) fn vms(hostnames: &[Hostname]) -> String {
    match hostnames.len() {
        1 => "1 VM".to_owned(),
        count => format!("{count} VMs"),
    }
}
