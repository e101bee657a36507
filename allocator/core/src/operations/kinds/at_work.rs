use crate::{DbError, Scope, rows::CHANGES_MACHINES};

/// Whether an operation is at work that makes, changes or removes machines.
pub async fn is_at_work(scope: &Scope) -> Result<bool, DbError> {
    let sql =
        format!("select exists (select from operation where pool_id = $1 and {CHANGES_MACHINES})");
    Ok(scope.client().await?.query_one(&sql, &[&scope.pool.as_i64()]).await?.try_get(0)?)
}
