//! What became of the archive of a collection.

use jiff::Timestamp;
use lablink_core::collections::{Collection, Collector};

/// What there is to download.
#[derive(Clone)]
pub enum ArchiveCard {
    Nothing,
    Here {
        bytes: i64,
        first_downloaded: Option<Timestamp>,
    },
    /// On the disk of another allocator.
    Elsewhere {
        bytes: i64,
        kept_by: String,
    },
    Removed {
        at: Timestamp,
    },
}

impl ArchiveCard {
    pub fn of(collection: &Collection, collector: &dyn Collector) -> Self {
        let Some(archive) = &collection.archive else { return Self::Nothing };
        let bytes = archive.kept.size;
        match (archive.removed_at, collector.kept(collection.operation.id)) {
            (Some(at), _) => Self::Removed { at },
            (None, Some(_)) => Self::Here { bytes, first_downloaded: archive.downloaded_at },
            (None, None) => Self::Elsewhere { bytes, kept_by: archive.kept.kept_by.clone() },
        }
    }
}
