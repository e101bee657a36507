//! Where a VM comes from.

use lablink_core::pools::Source;

pub fn label(source: Source) -> &'static str {
    match source {
        Source::Local => "Process on the allocator’s machine",
        Source::Aws => "Launched on AWS",
        Source::Manual => "Registered by hand",
        Source::Unknown => "Reported by itself",
    }
}

/// Whether LabLink can make it anew, and destroy it.
pub fn is_made(source: Source) -> bool {
    matches!(source, Source::Local | Source::Aws)
}
