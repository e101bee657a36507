use lablink_protocol::Hostname;

use crate::{DbError, agents::NEVER_ENROLLED, db, events::Change, ids::OperationId};

/// What an operation wanted of its VMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    There,
    Gone,
}

/// The operation's VMs that are not as it wanted them, and that no operation to come is about. Of
/// those that were to be gone, one that somebody has claimed since stays: the wish was older.
pub(super) async fn left_undone(
    change: &Change<'_>,
    id: OperationId,
    wanted: Wanted,
) -> Result<Vec<Hostname>, DbError> {
    let rows = change
        .query(
            &format!(
                "select vm.hostname
                 from operation_target as target
                 join vm on vm.id = coalesce(target.successor_id, target.vm_id)
                 where target.operation_id = $1 and target.left_out is null
                   and vm.removed_at is null
                   and case when $2 then vm.claim_id is null
                                         or vm.claim_id is not distinct from target.claim_id
                            else vm.status = 'error'
                                 or vm.source in ('local', 'aws') and {NEVER_ENROLLED} end
                   and not exists (
                       select from operation_target as other
                       join operation on operation.id = other.operation_id
                       where coalesce(other.successor_id, other.vm_id) = vm.id
                         and operation.state in ('awaiting_approval', 'queued', 'running'))
                 order by vm.number"
            ),
            &[&id, &(wanted == Wanted::Gone)],
        )
        .await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}
