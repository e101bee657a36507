//! One operation, as every page that names it shows it.

use jiff::Timestamp;
use lablink_core::operations::{Operation, OperationState};

use crate::pages::{Labelled, Tone, who};

/// One operation, as every page that names it shows it.
#[derive(Clone)]
pub struct OperationSummary {
    pub id: i64,
    /// The word of its kind: some have panels of their own.
    pub kind: String,
    pub title: String,
    pub state: OperationState,
    /// Somebody asked it to stop.
    pub cancel_requested: bool,
    /// Who asked for it.
    pub actor: String,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Resources done, of all that are to be done, or files; `total` is 0 while nobody knows.
    pub done: i32,
    pub total: i32,
}

impl Labelled for OperationState {
    fn label(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "Awaits approval",
            Self::Queued => "Queued",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Interrupted => "Interrupted",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Queued | Self::Cancelled => Tone::Quiet,
            Self::Running => Tone::Busy,
            Self::AwaitingApproval | Self::Interrupted => Tone::Warn,
            Self::Succeeded => Tone::Good,
            Self::Failed => Tone::Bad,
        }
    }
}

impl OperationSummary {
    pub fn of(operation: &Operation) -> Self {
        Self {
            id: operation.id.into(),
            kind: operation.kind.clone(),
            title: operation.title.clone(),
            state: operation.state,
            cancel_requested: operation.cancel_requested,
            actor: who(&operation.actor),
            created_at: operation.created_at,
            started_at: operation.started_at,
            finished_at: operation.finished_at,
            done: operation.done,
            total: operation.total,
        }
    }

    /// It runs, but was asked to stop.
    pub fn is_cancelling(&self) -> bool {
        self.cancel_requested && self.state == OperationState::Running
    }

    pub fn label(&self) -> &'static str {
        if self.is_cancelling() { "Cancelling" } else { self.state.label() }
    }

    pub fn tone(&self) -> Tone {
        if self.is_cancelling() { Tone::Warn } else { self.state.tone() }
    }

    /// It will change by itself, or by somebody's decision.
    pub fn moves(&self) -> bool {
        !self.state.is_over()
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
            cancel_requested: false,
            actor: "<script>admin</script>".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            started_at: Some(Timestamp::UNIX_EPOCH),
            finished_at: None,
            done: 2,
            total: 5,
        }
    }
}
