use lablink_protocol::Hostname;

use crate::{DbError, agents::NEVER_ENROLLED, db, events::Change, ids::OperationId};

/// The state in which an operation should leave its VMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    There,
    Gone,
}

/// The operation's VMs that are not as it should leave them, and that no queued operation is about.
/// A VM that should be gone and has been claimed since is not among them: the claim is newer than
/// the wish.
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
                       select from (
                           select operation_id from operation_target as other
                           where other.vm_id = vm.id and other.successor_id is null
                           union all
                           select operation_id from operation_target as other
                           where other.successor_id = vm.id
                           offset 0
                       ) as other join operation on operation.id = other.operation_id
                       where operation.state in ('awaiting_approval', 'queued', 'running'))
                 order by vm.number"
            ),
            &[&id, &(wanted == Wanted::Gone)],
        )
        .await?;
    rows.iter().map(|row| db::word(row, "hostname")).collect()
}
