use std::sync::LazyLock;

use jiff::Timestamp;
use lablink_protocol::Hostname;

use super::WAITING;
use crate::{Db, DbError, db, pools::PoolId};

/// A place in line, as the organiser sees it.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub email: String,
    pub since: Timestamp,
    pub last_looked_at: Timestamp,
    /// The VM that is kept for it.
    pub offered: Option<Hostname>,
}

/// The first `limit` places in line, in order.
pub async fn waiting(db: &Db, pool: PoolId, limit: i64) -> Result<Vec<Waiting>, DbError> {
    let sql = "select place.email, place.created_at, place.last_looked_at, vm.hostname
               from place left join vm on vm.place_id = place.id
               where place.pool_id = $1 and place.ended_at is null order by place.id limit $2";
    let rows = db.client().await?.query(sql, &[&pool.as_i64(), &limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Waiting {
                email: row.try_get("email")?,
                since: row.try_get("created_at")?,
                last_looked_at: row.try_get("last_looked_at")?,
                offered: db::optional_word(row, "hostname")?,
            })
        })
        .collect()
}

/// How many wait without an offer.
pub async fn count(db: &Db, pool: PoolId) -> Result<i64, DbError> {
    static SQL: LazyLock<String> =
        LazyLock::new(|| format!("select count(*) from place where pool_id = $1 and {WAITING}"));
    let client = db.client().await?;
    let statement = client.prepare_cached(&SQL).await?;
    Ok(client.query_one(&statement, &[&pool.as_i64()]).await?.try_get(0)?)
}
