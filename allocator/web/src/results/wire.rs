use jiff::Timestamp;
use lablink_core::{
    collections::{Collected, Collection, KeptArchive},
    operations::OperationId,
};
use lablink_protocol::Hostname;
use serde::Serialize;
use utoipa::ToSchema;

use crate::links;

/// A collection of results, by its operation.
#[derive(Serialize, ToSchema)]
pub struct CollectionBody {
    #[schema(value_type = i64)]
    operation_id: OperationId,
    /// `awaiting_approval`, `queued`, `running`, `succeeded`, `failed`, `cancelled` or
    /// `interrupted`.
    state: &'static str,
    actor: String,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    extension: String,
    /// Null before the end, and when no file came.
    archive: Option<ArchiveBody>,
    /// Empty before the end.
    vms: Vec<CollectedBody>,
}

/// An archive; gone if `removed_at` is set.
#[derive(Serialize, ToSchema)]
struct ArchiveBody {
    file_name: String,
    size_bytes: i64,
    /// The allocator on whose disk it lies.
    kept_by: String,
    /// Where it is downloaded.
    url: String,
    finished_at: Timestamp,
    /// When somebody first had all of it.
    downloaded_at: Option<Timestamp>,
    removed_at: Option<Timestamp>,
}

/// What came of one VM.
#[derive(Serialize, ToSchema)]
struct CollectedBody {
    hostname: Hostname,
    files: i64,
    bytes: i64,
    /// Files that were found and could not be read.
    unread: i64,
    /// What was left out though it may be results: links to elsewhere, and files in folders that are
    /// left out by their names. The archive's `REPORT.csv` lists all of it.
    skipped: i64,
    /// The first of these, in words; null: there are none.
    skipped_what: Option<String>,
    seconds: f64,
    /// Why nothing more came; null: all of it did.
    failure: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct CollectionList {
    pub collections: Vec<CollectionBody>,
    /// What `before` takes for the next page; null at the end.
    #[schema(value_type = Option<i64>)]
    pub next: Option<OperationId>,
}

impl From<Collection> for CollectionBody {
    fn from(collection: Collection) -> Self {
        let Collection { operation, extension, archive, vms } = collection;
        let id = operation.id;
        Self {
            operation_id: id,
            state: operation.state.as_str(),
            actor: operation.actor,
            created_at: operation.created_at,
            finished_at: operation.finished_at,
            extension: extension.to_string(),
            archive: archive.map(|archive| ArchiveBody::new(id, archive)),
            vms: vms.into_iter().map(CollectedBody::from).collect(),
        }
    }
}

impl ArchiveBody {
    fn new(id: OperationId, archive: KeptArchive) -> Self {
        Self {
            file_name: archive.kept.file_name,
            size_bytes: archive.kept.size,
            kept_by: archive.kept.kept_by,
            url: links::archive_download(id),
            finished_at: archive.finished_at,
            downloaded_at: archive.downloaded_at,
            removed_at: archive.removed_at,
        }
    }
}

impl From<Collected> for CollectedBody {
    fn from(vm: Collected) -> Self {
        let Collected { hostname, files, bytes, unread, skipped, skipped_what, seconds, failure } =
            vm;
        Self { hostname, files, bytes, unread, skipped, skipped_what, seconds, failure }
    }
}
