use jiff::Timestamp;

use super::{Db, DbError};

impl Db {
    /// What time it is by the database's clock.
    pub async fn now(&self) -> Result<Timestamp, DbError> {
        let row = self.client().await?.query_one("select clock_timestamp() as now", &[]).await?;
        Ok(row.try_get("now")?)
    }
}
