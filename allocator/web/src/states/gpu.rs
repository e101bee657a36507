//! How the GPU of a VM is, in its agent's words.

use lablink_protocol::GpuHealth;

use crate::pages::Tone;

#[derive(Clone, Copy)]
pub enum Gpu {
    Unreported,
    Healthy,
    Degraded,
    Unhealthy,
    Absent,
}

impl From<Option<GpuHealth>> for Gpu {
    fn from(health: Option<GpuHealth>) -> Self {
        match health {
            None => Self::Unreported,
            Some(GpuHealth::Healthy) => Self::Healthy,
            Some(GpuHealth::Degraded) => Self::Degraded,
            Some(GpuHealth::Unhealthy) => Self::Unhealthy,
            Some(GpuHealth::None) => Self::Absent,
        }
    }
}

impl Gpu {
    pub fn label(self) -> &'static str {
        match self {
            Self::Unreported => "Not reported",
            Self::Healthy => "Healthy",
            Self::Degraded => "Degraded",
            Self::Unhealthy => "Unhealthy",
            Self::Absent => "No GPU",
        }
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::Unreported | Self::Absent => Tone::Quiet,
            Self::Healthy => Tone::Good,
            Self::Degraded => Tone::Warn,
            Self::Unhealthy => Tone::Bad,
        }
    }
}
