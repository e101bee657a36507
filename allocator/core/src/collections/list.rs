use std::collections::HashMap;

use jiff::Timestamp;
use lablink_protocol::Hostname;
use tokio_postgres::Row;

use super::{Collect, Collected, Kept};
use crate::{
    Db, DbError, Scope, db,
    ids::OperationId,
    operations::{self, Filter, Kind, Operation},
    pools::Extension,
};

/// A collection, with its result so far.
#[derive(Clone, Debug)]
pub struct Collection {
    pub operation: Operation,
    pub extension: Extension,
    /// None before its end, and when no file came.
    pub archive: Option<KeptArchive>,
    /// The result of each VM, in their order. Empty before the end.
    pub vms: Vec<Collected>,
}

/// An archive, and whether it was downloaded or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptArchive {
    pub kept: Kept,
    pub finished_at: Timestamp,
    /// When somebody first had all of it.
    pub downloaded_at: Option<Timestamp>,
    /// When it was removed from the disk.
    pub removed_at: Option<Timestamp>,
}

/// The newest `limit` collections that are older than `before`, newest first.
pub async fn list(
    scope: &Scope,
    before: Option<OperationId>,
    limit: i64,
) -> Result<Vec<Collection>, DbError> {
    let filter = Filter { before, kind: Some(Collect::WORD), state: None };
    with_outcome(&scope.db, operations::list(scope, &filter, limit).await?).await
}

/// One collection, by its operation.
pub async fn find(scope: &Scope, id: OperationId) -> Result<Option<Collection>, DbError> {
    let operation = operations::find(scope, id).await?;
    Ok(with_outcome(&scope.db, operation.into_iter().collect()).await?.pop())
}

async fn with_outcome(db: &Db, found: Vec<Operation>) -> Result<Vec<Collection>, DbError> {
    let ids: Vec<OperationId> = found.iter().map(|operation| operation.id).collect();
    let client = db.client().await?;
    let rows = client
        .query(
            "select operation_id, file_name, size, kept_by, finished_at, downloaded_at, removed_at
             from collection where operation_id = any($1)",
            &[&ids],
        )
        .await?;
    let mut archives: HashMap<OperationId, KeptArchive> =
        rows.iter().map(archive).collect::<Result<_, _>>()?;
    let rows = client
        .query(
            "select operation_id, vm.hostname, files, bytes, unread, seconds, failure, skipped,
                    skipped_what
             from collection_vm cross join lateral (
                 select number, hostname from vm where vm.id = vm_id limit 1
             ) as vm
             where operation_id = any($1) order by vm.number nulls last, vm.hostname",
            &[&ids],
        )
        .await?;
    let mut vms: HashMap<OperationId, Vec<Collected>> = HashMap::new();
    for row in &rows {
        vms.entry(row.try_get("operation_id")?).or_default().push(collected(row)?);
    }
    let mut collections = Vec::with_capacity(found.len());
    for operation in found {
        let Some(Collect { extension, .. }) = operation.job()? else { continue };
        let id = operation.id;
        let (archive, vms) = (archives.remove(&id), vms.remove(&id).unwrap_or_default());
        collections.push(Collection { operation, extension, archive, vms });
    }
    Ok(collections)
}

fn archive(row: &Row) -> Result<(OperationId, KeptArchive), DbError> {
    let kept = Kept {
        file_name: row.try_get("file_name")?,
        size: row.try_get("size")?,
        kept_by: row.try_get("kept_by")?,
    };
    let archive = KeptArchive {
        kept,
        finished_at: row.try_get("finished_at")?,
        downloaded_at: row.try_get("downloaded_at")?,
        removed_at: row.try_get("removed_at")?,
    };
    Ok((row.try_get("operation_id")?, archive))
}

fn collected(row: &Row) -> Result<Collected, DbError> {
    Ok(Collected {
        hostname: db::word(row, "hostname")?,
        files: row.try_get("files")?,
        bytes: row.try_get("bytes")?,
        unread: row.try_get("unread")?,
        skipped: row.try_get("skipped")?,
        skipped_what: row.try_get("skipped_what")?,
        seconds: row.try_get("seconds")?,
        failure: row.try_get("failure")?,
    })
}

/// When the results of each of these VMs last came home whole, in an archive that is still kept or
/// that somebody has downloaded. A VM that is missing: never.
pub async fn last_whole(
    scope: &Scope,
    hostnames: &[Hostname],
) -> Result<HashMap<Hostname, Timestamp>, DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let rows = scope
        .db
        .client()
        .await?
        .query(
            "select vm.hostname, max(collection_vm.finished_at) as at
             from vm join collection_vm on collection_vm.vm_id = vm.id
                     left join collection using (operation_id)
             where vm.pool_id = $1 and vm.hostname = any($2) and vm.removed_at is null
               and failure is null and unread = 0
               and (collection.removed_at is null or downloaded_at is not null)
             group by vm.hostname",
            &[&scope.pool.as_i64(), &names],
        )
        .await?;
    rows.iter().map(|row| Ok((db::word(row, "hostname")?, row.try_get("at")?))).collect()
}
