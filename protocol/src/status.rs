use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Hostname;

/// How far a VM has come, in the words of the original's wire (contract §1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum VmStatus {
    Initializing,
    Running,
    Unknown,
    Error,
}

impl VmStatus {
    pub const ALL: [Self; 4] = [Self::Initializing, Self::Running, Self::Unknown, Self::Error];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initializing => "initializing",
            Self::Running => "running",
            Self::Unknown => "unknown",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for VmStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `POST /api/vm-status`: what an agent, or the VM's start script, says of its VM.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusReport {
    pub hostname: Hostname,
    pub status: VmStatus,
}

/// Verdict on a VM's GPUs; the worst signal wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuHealth {
    Healthy,
    /// Works, with a warning: handed out last. The original's wire has no word for it.
    Degraded,
    /// Never handed out.
    Unhealthy,
    /// The VM has no GPU, which is not a fault.
    None,
}

impl GpuHealth {
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Degraded, Self::Unhealthy, Self::None];

    /// The word for pages and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::None => "none",
        }
    }

    /// The word that deployed clients send and the original's readers expect (contract §1.6).
    pub fn as_wire(self) -> &'static str {
        match self {
            Self::Healthy | Self::Degraded => "Healthy",
            Self::Unhealthy => "Unhealthy",
            Self::None => "N/A",
        }
    }

    /// Reads a wire word, whatever its case.
    pub fn from_wire(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "healthy" | "true" => Some(Self::Healthy),
            "degraded" => Some(Self::Degraded),
            "unhealthy" | "false" => Some(Self::Unhealthy),
            "n/a" | "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// A word that is none of an enum's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

impl std::str::FromStr for VmStatus {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|status| status.as_str() == word).ok_or(UnknownWord)
    }
}

impl std::str::FromStr for GpuHealth {
    type Err = UnknownWord;

    /// Reads the word for pages and the database.
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|health| health.as_str() == word).ok_or(UnknownWord)
    }
}
