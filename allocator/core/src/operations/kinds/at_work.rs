use crate::{Db, DbError, pools::PoolId};

/// Of a row of `operation`: it is at work, and makes, changes or removes machines.
pub(crate) const CHANGES_MACHINES: &str =
    "state = 'running' and lane = 'machines' and kind <> 'collect'";

/// Whether an operation is at work that makes, changes or removes machines.
pub async fn is_at_work(db: &Db, pool: PoolId) -> Result<bool, DbError> {
    let sql =
        format!("select exists (select from operation where pool_id = $1 and {CHANGES_MACHINES})");
    Ok(db.client().await?.query_one(&sql, &[&pool.as_i64()]).await?.try_get(0)?)
}
