//! Pools: the sets of VMs that are handed out together. One per environment for now.

use crate::{Db, DbError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolId(i64);

impl PoolId {
    pub(crate) fn as_i64(self) -> i64 {
        self.0
    }
}

/// A pool, and whether this call made it.
pub struct Opened {
    pub id: PoolId,
    pub is_new: bool,
}

/// Finds the environment's pool, or makes it.
pub async fn open(db: &Db, environment: &str) -> Result<Opened, DbError> {
    let client = db.client().await?;
    let made = client
        .query_opt(
            "insert into pool (environment) values ($1) on conflict do nothing returning id",
            &[&environment],
        )
        .await?;
    if let Some(row) = made {
        return Ok(Opened { id: PoolId(row.try_get("id")?), is_new: true });
    }
    let row =
        client.query_one("select id from pool where environment = $1", &[&environment]).await?;
    Ok(Opened { id: PoolId(row.try_get("id")?), is_new: false })
}
