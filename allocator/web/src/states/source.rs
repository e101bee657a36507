//! Where a VM comes from.

use lablink_core::pools::Source;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum VmSource {
    Local,
    Aws,
    /// Somebody's machine.
    Manual,
    /// It reported by itself.
    Unknown,
}

impl From<Source> for VmSource {
    fn from(source: Source) -> Self {
        match source {
            Source::Local => Self::Local,
            Source::Aws => Self::Aws,
            Source::Manual => Self::Manual,
            Source::Unknown => Self::Unknown,
        }
    }
}

impl VmSource {
    pub fn label(self) -> &'static str {
        match self {
            Self::Local => "Process on the allocator’s machine",
            Self::Aws => "Launched on AWS",
            Self::Manual => "Registered by hand",
            Self::Unknown => "Reported by itself",
        }
    }

    /// LabLink can make it anew, and destroy it.
    pub fn is_made(self) -> bool {
        matches!(self, Self::Local | Self::Aws)
    }
}
