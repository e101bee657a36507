use lablink_core::{
    collections::{Collected, Collection, KeptArchive},
    operations::OperationId,
};
use lablink_protocol::organisers::{ArchiveBody, CollectedBody, CollectionBody};

use crate::links;

pub fn collection_body(collection: Collection) -> CollectionBody {
    let Collection { operation, extension, archive, vms } = collection;
    let id = operation.id;
    CollectionBody {
        operation_id: id.into(),
        state: operation.state.as_str().to_owned(),
        actor: operation.actor,
        created_at: operation.created_at,
        finished_at: operation.finished_at,
        extension: extension.to_string(),
        archive: archive.map(|archive| archive_body(id, archive)),
        vms: vms.into_iter().map(collected_body).collect(),
    }
}

fn archive_body(id: OperationId, archive: KeptArchive) -> ArchiveBody {
    ArchiveBody {
        file_name: archive.kept.file_name,
        size_bytes: archive.kept.size,
        kept_by: archive.kept.kept_by,
        url: links::archive_download(id),
        finished_at: archive.finished_at,
        downloaded_at: archive.downloaded_at,
        removed_at: archive.removed_at,
    }
}

fn collected_body(vm: Collected) -> CollectedBody {
    let Collected { hostname, files, bytes, unread, skipped, skipped_what, seconds, failure } = vm;
    CollectedBody { hostname, files, bytes, unread, skipped, skipped_what, seconds, failure }
}
