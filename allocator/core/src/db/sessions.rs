use super::{Db, DbError};

/// How many sessions the database server has, of all its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sessions {
    pub open: i64,
    /// Without those that it keeps for its administrators.
    pub most: i64,
}

impl Db {
    pub async fn sessions(&self) -> Result<Sessions, DbError> {
        // Unlike pg_stat_activity, this tells every role of everybody's.
        let sql =
            "select (select coalesce(sum(numbackends), 0)::bigint from pg_stat_database) as open,
                          current_setting('max_connections')::bigint
                              - current_setting('superuser_reserved_connections')::bigint as most";
        let row = self.client().await?.query_one(sql, &[]).await?;
        Ok(Sessions { open: row.try_get("open")?, most: row.try_get("most")? })
    }
}
