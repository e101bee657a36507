//! How far a participant's command has come, and how a claim ended.

use lablink_core::claims::{ClaimState, ReleaseReason};

use crate::pages::{Labelled, Tone};

/// How far the VM has come with the participant's command.
#[derive(Clone)]
pub enum Connection {
    /// The agent has not yet taken the command.
    Claimed,
    Connecting,
    Ready,
    /// `reason` is what the agent said.
    Failed {
        reason: String,
    },
}

impl Connection {
    /// `detail`: what the agent said of a failure.
    pub fn of(state: ClaimState, detail: Option<String>) -> Self {
        match state {
            ClaimState::Waiting => Self::Claimed,
            ClaimState::Connecting => Self::Connecting,
            ClaimState::Connected => Self::Ready,
            ClaimState::Failed => Self::Failed {
                reason: detail.unwrap_or_else(|| "The machine gave no reason.".to_owned()),
            },
        }
    }

    pub fn label(&self) -> &'static str {
        match self {
            Self::Claimed => "Claimed",
            Self::Connecting => "Connecting",
            Self::Ready => "Ready",
            Self::Failed { .. } => "Failed",
        }
    }

    pub fn tone(&self) -> Tone {
        match self {
            Self::Claimed | Self::Connecting => Tone::Busy,
            Self::Ready => Tone::Good,
            Self::Failed { .. } => Tone::Bad,
        }
    }

    pub fn moves(&self) -> bool {
        matches!(self, Self::Claimed | Self::Connecting)
    }
}

impl Labelled for ReleaseReason {
    fn label(self) -> &'static str {
        match self {
            Self::Returned => "Given back",
            Self::Released => "Released",
            Self::Destroyed => "Destroyed",
        }
    }

    fn tone(self) -> Tone {
        Tone::Quiet
    }
}
