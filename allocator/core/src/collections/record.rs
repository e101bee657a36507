use crate::{
    Actor, DbError, Scope,
    db::{self, GenericClient},
    events::{Change, Kind},
    ids::OperationId,
    pools::Pool,
};
use lablink_protocol::Hostname;

/// The result of collecting from one VM.
#[derive(Clone, Debug, PartialEq)]
pub struct Collected {
    pub hostname: Hostname,
    /// Files that are in the archive, and their bytes.
    pub files: i64,
    pub bytes: i64,
    /// Files that were found and could not be read.
    pub unread: i64,
    /// What was left out though it may be a result: how much, and what, in words.
    pub skipped: i64,
    pub skipped_what: Option<String>,
    pub seconds: f64,
    /// Why not everything came. None: everything did.
    pub failure: Option<String>,
}

/// An archive on the disk of an allocator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub file_name: String,
    /// In bytes.
    pub size: i64,
    /// The allocator's name.
    pub kept_by: String,
}

/// Writes what an operation has collected. `kept` is none when no archive came of it.
pub async fn record(
    scope: &Scope,
    id: OperationId,
    vms: &[Collected],
    kept: Option<&Kept>,
) -> Result<(), DbError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    let names: Vec<&str> = vms.iter().map(|vm| vm.hostname.as_str()).collect();
    let files: Vec<i64> = vms.iter().map(|vm| vm.files).collect();
    let bytes: Vec<i64> = vms.iter().map(|vm| vm.bytes).collect();
    let unread: Vec<i64> = vms.iter().map(|vm| vm.unread).collect();
    let skipped: Vec<i64> = vms.iter().map(|vm| vm.skipped).collect();
    let skipped_what: Vec<Option<&str>> = vms.iter().map(|vm| vm.skipped_what.as_deref()).collect();
    let seconds: Vec<f64> = vms.iter().map(|vm| vm.seconds).collect();
    let failures: Vec<Option<&str>> = vms.iter().map(|vm| vm.failure.as_deref()).collect();
    let new = change
        .execute(
            "insert into collection_vm
                 (operation_id, vm_id, files, bytes, unread, seconds, failure, skipped, skipped_what)
             select $1, vm.id, new.files, new.bytes, new.unread, new.seconds, new.failure,
                    new.skipped, new.skipped_what
             from unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::float8[],
                         $8::text[], $9::bigint[], $10::text[])
                  as new(hostname, files, bytes, unread, seconds, failure, skipped, skipped_what)
             join vm on vm.pool_id = $2 and vm.hostname = new.hostname and vm.removed_at is null
             on conflict do nothing",
            &[
                &id,
                &scope.pool.as_i64(),
                &names,
                &files,
                &bytes,
                &unread,
                &seconds,
                &failures,
                &skipped,
                &skipped_what,
            ],
        )
        .await?;
    if let Some(kept) = kept {
        change
            .execute(
                "insert into collection (operation_id, file_name, size, kept_by)
                 values ($1, $2, $3, $4) on conflict do nothing",
                &[&id, &kept.file_name, &kept.size, &kept.kept_by],
            )
            .await?;
    }
    if new > 0 {
        let failed = vms.iter().filter(|vm| vm.failure.is_some()).count();
        let files: i64 = files.iter().sum();
        let data = serde_json::json!({ "vms": new, "files": files, "failed": failed });
        change.event(Kind::ResultsCollected).of_operation(id).with(data).by(Actor::System);
    }
    change.commit().await?;
    Ok(())
}

/// The VMs whose results an operation was to collect and has not, or not all of them.
pub(crate) async fn left(
    client: &impl GenericClient,
    pool: &Pool,
    id: OperationId,
) -> Result<Vec<Hostname>, DbError> {
    let rows = client
        .query(
            "select vm.hostname
             from operation
             join operation_target as target on target.operation_id = operation.id
             join vm on vm.id = target.vm_id and vm.removed_at is null
             where operation.pool_id = $1 and operation.id = $2
               and not exists (
                   select from collection_vm
                   where operation_id = operation.id and vm_id = vm.id and failure is null
               )
             order by vm.number nulls last, vm.hostname",
            &[&pool.as_i64(), &id],
        )
        .await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}
