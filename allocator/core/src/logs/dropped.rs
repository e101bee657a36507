use jiff::Timestamp;

use crate::{Db, DbError, ids::VmId};

/// Lines of a VM that were dropped, because they were over its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    pub lines: i64,
    /// When the last of them came.
    pub at: Timestamp,
}

/// How many lines of this VM (its `vm.id`) were dropped, if any.
pub async fn dropped(db: &Db, vm_id: VmId) -> Result<Option<Dropped>, DbError> {
    let sql = "select dropped, dropped_at from log_volume where vm_id = $1 and dropped > 0";
    let row = db.client().await?.query_opt(sql, &[&vm_id]).await?;
    row.map(|row| Ok(Dropped { lines: row.try_get("dropped")?, at: row.try_get("dropped_at")? }))
        .transpose()
}
