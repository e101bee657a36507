//! Pools: the sets of VMs that are handed out together. One per environment for now.

use crate::{Db, DbError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolId(i64);

impl PoolId {
    pub(crate) fn from_i64(id: i64) -> Self {
        Self(id)
    }

    pub(crate) fn as_i64(self) -> i64 {
        self.0
    }
}

/// Finds the environment's pool, or makes it.
pub async fn open(db: &Db, environment: &str) -> Result<PoolId, DbError> {
    let client = db.client().await?;
    let sql = "insert into pool (environment) values ($1) on conflict do nothing";
    client.execute(sql, &[&environment]).await?;
    let row =
        client.query_one("select id from pool where environment = $1", &[&environment]).await?;
    Ok(PoolId(row.try_get("id")?))
}
