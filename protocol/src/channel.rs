use serde::{Deserialize, Serialize};

/// What a channel leads to on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ChannelTarget {
    /// The bytes of a VNC server (RFB, RFC 6143), as binary messages of any length.
    Desktop,
}

impl ChannelTarget {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
        }
    }
}

impl std::str::FromStr for ChannelTarget {
    type Err = UnknownTarget;

    fn from_str(word: &str) -> Result<Self, UnknownTarget> {
        match word {
            "desktop" => Ok(Self::Desktop),
            _ => Err(UnknownTarget),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTarget;

impl std::fmt::Display for UnknownTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no channel leads there")
    }
}

impl std::error::Error for UnknownTarget {}

/// The largest message that a channel carries, in bytes.
pub const LARGEST_MESSAGE: usize = 64 * 1024;

/// The text that a channel's end gives as the reason of its close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The claim is over, or its link opens nothing any more.
    ClaimOver,
    /// The machine's agent did not dial.
    NoAnswer,
    /// The other end is gone: a new channel may work.
    FarEndGone,
    /// What the channel leads to does not run.
    NotRunning,
    /// Newer channels of the same machine took its place.
    Replaced,
    /// This allocator stops: another one, or its next run, has a channel at once.
    Stopping,
}

impl Closing {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClaimOver => "claim_over",
            Self::NoAnswer => "no_answer",
            Self::FarEndGone => "far_end_gone",
            Self::NotRunning => "not_running",
            Self::Replaced => "replaced",
            Self::Stopping => "stopping",
        }
    }

    /// The status code of the close frame (RFC 6455 §7.4): the range of applications.
    pub const CODE: u16 = 4000;
}
