use crate::{Db, DbError};

/// Drops keys that are a week old. Nobody repeats a wish after that.
pub async fn forget_old(db: &Db) -> Result<u64, DbError> {
    let sql = "delete from begun where at < now() - interval '7 days'";
    Ok(db.client().await?.execute(sql, &[]).await?)
}
