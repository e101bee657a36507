use std::time::Duration;

use crate::{Db, DbError};

/// Drops keys from which nobody will send a wish again: all that are a week old.
pub async fn forget_old(db: &Db) -> Result<u64, DbError> {
    let sql = "delete from begun where at < now() - interval '7 days'";
    Ok(db.client().await?.execute(sql, &[]).await?)
}

/// Drops them again and again, for ever.
pub async fn tend(db: Db, every: Duration) {
    loop {
        if let Err(error) = forget_old(&db).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(error, "old keys of requests could not be dropped; trying again");
        }
        tokio::time::sleep(every).await;
    }
}
