use std::{future::Future, time::Duration};

use lablink_protocol::Hostname;
use serde::{Serialize, de::DeserializeOwned};

use super::{OperationState, ask::Ask, lane::Lane};
use crate::{DbError, amount::counted, events::Change, ids::OperationId};

/// A kind of operation. The type is the payload, as the row keeps it. Later fields need defaults,
/// and no field may change its meaning.
///
/// The engine knows a kind by this alone, and by the runner that carries it out
/// (`worker::Runner`). Both are registered together.
pub trait Kind: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its word in rows and in JSON.
    const WORD: &'static str;
    /// Its name in lists and filters.
    const NAME: &'static str;
    /// Whether it removes the machines of its VMs. If so, nobody can claim them once it is queued,
    /// and it leaves out a VM that somebody has claimed since.
    const REMOVES: bool = false;
    /// How often it is tried in all, if attempts fail for reasons that may pass.
    const MAX_ATTEMPTS: u16 = 1;

    /// The title for people: `Launch 3 VMs`.
    fn title(&self) -> String;

    /// The VMs that it is about.
    fn hostnames(&self) -> &[Hostname];

    /// Operations of one lane and pool exclude each other.
    fn lane(&self) -> Lane {
        Lane::MACHINES
    }

    /// How long one attempt may take. At this limit it is stopped, and has failed.
    fn time_limit(&self) -> Duration;

    /// How much there is to do, as far as known before it begins. 0: unknown.
    fn total(&self) -> usize {
        self.hostnames().len()
    }

    /// The reason that is shown if it can't begin because the operation `first` did not succeed.
    fn unmet(&self, first: OperationId) -> String {
        format!(
            "Nothing was done: operation {first} had to succeed first, and it did not. Look at \
             what it says, then ask for this again."
        )
    }

    /// Undoes what asking for it has written, when it is cancelled or rejected before it began. The
    /// change holds the pool's lock.
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

    /// The operation that does the rest, after this one is over. None: nothing is left.
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

/// As in `1 VM`, `3 VMs`: for titles.
pub(crate) fn vm_count(hostnames: &[Hostname]) -> String {
    counted(u64::try_from(hostnames.len()).unwrap_or(u64::MAX), "VM")
}
