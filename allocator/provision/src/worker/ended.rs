use lablink_core::operations::{OperationState, Outcome};

use super::Stop;

/// How the work on an operation ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Succeeded,
    Failed {
        exit_code: Option<i32>,
        reason: String,
    },
    /// Somebody asked for it to stop.
    Cancelled,
    /// The allocator is stopping, or an earlier worker vanished.
    Interrupted,
    /// The database was away for too long to be sure that nobody has taken over.
    DatabaseAway,
    /// Somebody else works on the operation now: nothing more is ours to write.
    LeaseLost,
}

impl Ended {
    /// The end of what was stopped before it could finish.
    pub fn stopped_by(stop: Stop) -> Self {
        match stop {
            Stop::Cancel => Self::Cancelled,
            Stop::Shutdown => Self::Interrupted,
            Stop::DatabaseAway => Self::DatabaseAway,
            Stop::LeaseLost => Self::LeaseLost,
        }
    }
}

/// What the operation's row will say. `None` when it is no longer ours to say anything.
pub(crate) fn outcome(ended: &Ended) -> Option<Outcome> {
    let (state, exit_code, reason) = match ended {
        Ended::Succeeded => return Some(Outcome::succeeded()),
        Ended::Failed { exit_code, reason } => {
            (OperationState::Failed, *exit_code, reason.as_str())
        }
        Ended::Cancelled => (OperationState::Cancelled, None, "It was cancelled."),
        Ended::Interrupted => (
            OperationState::Interrupted,
            None,
            "The allocator stopped in the middle. What was done so far was kept.",
        ),
        Ended::DatabaseAway => (
            OperationState::Interrupted,
            None,
            "The database could not be reached for too long, so the work was stopped. What was \
             done so far was kept.",
        ),
        Ended::LeaseLost => return None,
    };
    Some(Outcome { state, exit_code, reason: Some(reason.to_owned()) })
}
