//! Machines that a participant had: nobody else gets one until it is made anew, is cleaned, or the
//! organiser says that it goes out as it is.

use crate::{
    DbError,
    events::{Change, Kind},
    ids::VmId,
};

/// A join for new rows of the pool `$1`, each with its `hostname`: a machine that left the pool
/// used or barred comes back used or barred.
pub(super) const EARLIER_USE: &str = "lateral (
    select before.used_at, before.last_claim_id, before.barred_at from vm as before
    where before.pool_id = $1 and before.hostname = one.hostname and before.removed_at is not null
    order by before.id desc limit 1
) as earlier on earlier.used_at is not null or earlier.barred_at is not null";

/// A used machine goes out again as it is, its last participant's files included.
pub(crate) async fn reuse(change: &mut Change<'_>, vm_id: VmId) -> Result<(), DbError> {
    let sql = "update vm set used_at = null where id = $1 and used_at is not null
               returning id";
    if change.query_opt(sql, &[&vm_id]).await?.is_some() {
        change.event(Kind::VmReused).of_vm(vm_id);
    }
    Ok(())
}
