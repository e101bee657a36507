//! One operation, as every page that names it shows it.

use jiff::Timestamp;
use lablink_core::operations::{self, Operation};

use crate::pages::{Tone, who};

/// One operation, as every page that names it shows it.
#[derive(Clone)]
pub struct OperationSummary {
    pub id: i64,
    /// The word of its kind: some have panels of their own.
    pub kind: String,
    pub title: String,
    pub state: OperationState,
    /// Who asked for it.
    pub actor: String,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Resources done, of all that are to be done, or files; `total` is 0 while nobody knows.
    pub done: i32,
    pub total: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationState {
    AwaitingApproval,
    Queued,
    Running,
    /// Runs, but was asked to stop.
    Cancelling,
    Succeeded,
    Failed,
    Cancelled,
    Interrupted,
}

impl From<operations::OperationState> for OperationState {
    fn from(state: operations::OperationState) -> Self {
        match state {
            operations::OperationState::AwaitingApproval => Self::AwaitingApproval,
            operations::OperationState::Queued => Self::Queued,
            operations::OperationState::Running => Self::Running,
            operations::OperationState::Succeeded => Self::Succeeded,
            operations::OperationState::Failed => Self::Failed,
            operations::OperationState::Cancelled => Self::Cancelled,
            operations::OperationState::Interrupted => Self::Interrupted,
        }
    }
}

impl OperationState {
    pub fn label(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "Awaits approval",
            Self::Queued => "Queued",
            Self::Running => "Running",
            Self::Cancelling => "Cancelling",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Interrupted => "Interrupted",
        }
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::Queued | Self::Cancelled => Tone::Quiet,
            Self::Running => Tone::Busy,
            Self::AwaitingApproval | Self::Cancelling | Self::Interrupted => Tone::Warn,
            Self::Succeeded => Tone::Good,
            Self::Failed => Tone::Bad,
        }
    }

    pub fn moves(self) -> bool {
        matches!(self, Self::AwaitingApproval | Self::Queued | Self::Running | Self::Cancelling)
    }
}

impl OperationSummary {
    pub fn of(operation: &Operation) -> Self {
        Self {
            id: operation.id.into(),
            kind: operation.kind.clone(),
            title: operation.title.clone(),
            state: match operation.state {
                operations::OperationState::Running if operation.cancel_requested => {
                    OperationState::Cancelling
                }
                state => state.into(),
            },
            actor: who(&operation.actor),
            created_at: operation.created_at,
            started_at: operation.started_at,
            finished_at: operation.finished_at,
            done: operation.done,
            total: operation.total,
        }
    }

    /// From its start to its end, or to now. None before it starts.
    pub fn seconds(&self, now: &Timestamp) -> Option<i64> {
        let end = self.finished_at.as_ref().unwrap_or(now);
        self.started_at.map(|start| end.as_second() - start.as_second())
    }
}

#[cfg(test)]
impl OperationSummary {
    /// A launch of five VMs that started at the epoch, with two things of five done.
    pub fn sample(state: OperationState) -> Self {
        Self {
            id: 7,
            kind: "launch".to_owned(),
            title: "Launch 5 VMs".to_owned(),
            state,
            actor: "<script>admin</script>".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            started_at: Some(Timestamp::UNIX_EPOCH),
            finished_at: None,
            done: 2,
            total: 5,
        }
    }
}
