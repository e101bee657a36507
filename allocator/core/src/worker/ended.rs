use crate::operations::{OperationState, Outcome};

use super::Stop;

/// How an attempt at an operation ended.
#[derive(Debug)]
pub enum Ended {
    Succeeded,
    /// All went well, and there is something to know.
    SucceededBut(String),
    Failed {
        exit_code: Option<i32>,
        reason: String,
    },
    /// It failed for a reason that may pass, and left nothing half done. It is tried again, if its
    /// kind allows another attempt.
    Passing {
        reason: String,
    },
    /// A part of it, or all, was refused for want of something that others have now and may give back.
    /// What could be done was done. The rest is tried again for some hours.
    Refused {
        reason: String,
    },
    /// Somebody asked for it to stop.
    Cancelled,
    /// The allocator is stopping, an earlier worker vanished, or the database was away for too long
    /// to be sure that nobody has taken over.
    Interrupted {
        reason: String,
    },
    /// Another worker has the operation now: nothing more may be written.
    LeaseLost,
}

impl Ended {
    /// The end of what was stopped before it could finish.
    pub fn stopped_by(stop: Stop) -> Self {
        match stop {
            Stop::Cancel => Self::Cancelled,
            Stop::Shutdown => Self::interrupted(),
            Stop::Overdue => Self::failed(
                "It took longer than it may, and was stopped. What was done so far was kept. See in \
                 its log what it waited for, then try again.",
            ),
            Stop::DatabaseAway => Self::Interrupted {
                reason: "The database could not be reached for too long, so the work was stopped. \
                         What was done so far was kept."
                    .to_owned(),
            },
            Stop::LeaseLost => Self::LeaseLost,
        }
    }

    /// The end of what a worker left in the middle.
    pub fn interrupted() -> Self {
        Self::Interrupted {
            reason: "The allocator stopped in the middle. What was done so far was kept."
                .to_owned(),
        }
    }

    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { exit_code: None, reason: reason.into() }
    }

    /// The outcome for the operation's row. `None` if another worker has the operation.
    pub(super) fn outcome(self) -> Option<Outcome> {
        let (state, exit_code, reason) = match self {
            Self::Succeeded => return Some(Outcome::succeeded()),
            Self::SucceededBut(note) => {
                return Some(Outcome { reason: Some(note), ..Outcome::succeeded() });
            }
            Self::Failed { exit_code, reason } => (OperationState::Failed, exit_code, reason),
            Self::Passing { reason } | Self::Refused { reason } => {
                (OperationState::Failed, None, reason)
            }
            Self::Cancelled => (OperationState::Cancelled, None, "It was cancelled.".to_owned()),
            Self::Interrupted { reason } => (OperationState::Interrupted, None, reason),
            Self::LeaseLost => return None,
        };
        Some(Outcome { state, exit_code, reason: Some(reason) })
    }
}
