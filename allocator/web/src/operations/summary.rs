//! One operation, as every page that names it shows it.

use jiff::Timestamp;
use lablink_core::operations::{self, Job, Operation};

use crate::pages::{Tone, who};

/// One operation, as every page that names it shows it.
#[derive(Clone)]
pub struct OperationSummary {
    pub id: i64,
    pub kind: OperationKind,
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

#[derive(Clone, Copy)]
pub enum OperationKind {
    Launch { vms: usize },
    Destroy { vms: usize },
    Replace { vms: usize },
    Collect { vms: usize },
    BringBack { vms: usize },
    GiveUp { vms: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationState {
    Queued,
    Running,
    /// Runs, but was asked to stop.
    Cancelling,
    Succeeded,
    Failed,
    Cancelled,
    Interrupted,
}

impl OperationKind {
    pub fn title(self) -> String {
        match self {
            Self::Launch { vms: 1 } => "Launch 1 VM".to_owned(),
            Self::Launch { vms } => format!("Launch {vms} VMs"),
            Self::Destroy { vms: 1 } => "Destroy 1 VM".to_owned(),
            Self::Destroy { vms } => format!("Destroy {vms} VMs"),
            Self::Replace { vms: 1 } => "Replace 1 VM".to_owned(),
            Self::Replace { vms } => format!("Replace {vms} VMs"),
            Self::Collect { vms: 1 } => "Collect the results of 1 VM".to_owned(),
            Self::Collect { vms } => format!("Collect the results of {vms} VMs"),
            Self::BringBack { vms: 0 } => "Bring Terraform’s state back".to_owned(),
            Self::BringBack { vms: 1 } => "Bring 1 VM back into Terraform’s state".to_owned(),
            Self::BringBack { vms } => format!("Bring {vms} VMs back into Terraform’s state"),
            Self::GiveUp { vms: 0 } => "Take Terraform’s state as it is".to_owned(),
            Self::GiveUp { vms: 1 } => "Give up 1 VM".to_owned(),
            Self::GiveUp { vms } => format!("Give up {vms} VMs"),
        }
    }
}

impl OperationState {
    pub fn label(self) -> &'static str {
        match self {
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
            Self::Cancelling | Self::Interrupted => Tone::Warn,
            Self::Succeeded => Tone::Good,
            Self::Failed => Tone::Bad,
        }
    }

    pub fn moves(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Cancelling)
    }
}

impl OperationSummary {
    pub fn of(operation: &Operation) -> Self {
        let vms = operation.job.hostnames().len();
        Self {
            id: operation.id,
            kind: match operation.job {
                Job::Launch { .. } => OperationKind::Launch { vms },
                Job::Destroy { .. } => OperationKind::Destroy { vms },
                Job::Replace { .. } => OperationKind::Replace { vms },
                Job::Collect { .. } => OperationKind::Collect { vms },
                Job::BringBack { .. } => OperationKind::BringBack { vms },
                Job::GiveUp { .. } => OperationKind::GiveUp { vms },
            },
            state: match operation.state {
                operations::OperationState::Queued => OperationState::Queued,
                operations::OperationState::Running if operation.cancel_requested => {
                    OperationState::Cancelling
                }
                operations::OperationState::Running => OperationState::Running,
                operations::OperationState::Succeeded => OperationState::Succeeded,
                operations::OperationState::Failed => OperationState::Failed,
                operations::OperationState::Cancelled => OperationState::Cancelled,
                operations::OperationState::Interrupted => OperationState::Interrupted,
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
            kind: OperationKind::Launch { vms: 5 },
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
