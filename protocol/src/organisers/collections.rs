use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Hostname;

/// A collection of results, by its operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CollectionBody {
    pub operation_id: i64,
    /// `awaiting_approval`, `queued`, `running`, `succeeded`, `failed`, `cancelled` or
    /// `interrupted`.
    pub state: String,
    pub actor: String,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub extension: String,
    /// Null before the end, and when no file came.
    pub archive: Option<ArchiveBody>,
    /// Empty before the end.
    pub vms: Vec<CollectedBody>,
}

/// An archive; gone if `removed_at` is set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArchiveBody {
    pub file_name: String,
    pub size_bytes: i64,
    /// The allocator on whose disk it lies.
    pub kept_by: String,
    /// Where it is downloaded.
    pub url: String,
    pub finished_at: Timestamp,
    /// When somebody first had all of it.
    pub downloaded_at: Option<Timestamp>,
    pub removed_at: Option<Timestamp>,
}

/// What came of one VM.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CollectedBody {
    pub hostname: Hostname,
    pub files: i64,
    pub bytes: i64,
    /// Files that were found and could not be read.
    pub unread: i64,
    /// What was left out though it may be results: links to elsewhere, and files in folders that are
    /// left out by their names. The archive's `REPORT.csv` lists all of it.
    pub skipped: i64,
    /// The first of these, in words; null: there are none.
    pub skipped_what: Option<String>,
    pub seconds: f64,
    /// Why nothing more came; null: all of it did.
    pub failure: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CollectionList {
    pub collections: Vec<CollectionBody>,
    /// What `before` takes for the next page; null at the end.
    pub next: Option<i64>,
}
