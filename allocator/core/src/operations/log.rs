use jiff::Timestamp;
use tokio_postgres::Row;

use crate::{Db, DbError, db, ids::OperationId, text_enum::text_enum};

text_enum! {
    pub enum LogLevel {
        Info = "info",
        Warn = "warn",
        Error = "error",
    }
}

/// A line of an operation's readable log.
#[derive(Clone, Debug)]
pub struct LogLine {
    pub id: i64,
    pub at: Timestamp,
    pub level: LogLevel,
    pub line: String,
}

/// The last `limit` lines of an operation's log, oldest first.
pub async fn log(db: &Db, id: OperationId, limit: i64) -> Result<Vec<LogLine>, DbError> {
    log_before(db, id, i64::MAX, limit).await
}

/// The last `limit` lines before line `before`, oldest first.
pub async fn log_before(
    db: &Db,
    id: OperationId,
    before: i64,
    limit: i64,
) -> Result<Vec<LogLine>, DbError> {
    // Along the index of operations: lines of other ones may lie between.
    let sql = "select id, at, level, line from operation_log
               where (operation_id, id) < ($1, $2) and operation_id >= $1
               order by operation_id desc, id desc limit $3";
    let rows = db.client().await?.query(sql, &[&id, &before, &limit]).await?;
    rows.iter().rev().map(line).collect()
}

/// The next `limit` lines after line `after`, oldest first.
pub async fn log_after(
    db: &Db,
    id: OperationId,
    after: i64,
    limit: i64,
) -> Result<Vec<LogLine>, DbError> {
    let sql = "select id, at, level, line from operation_log
               where (operation_id, id) > ($1, $2) and operation_id <= $1
               order by operation_id, id limit $3";
    let rows = db.client().await?.query(sql, &[&id, &after, &limit]).await?;
    rows.iter().map(line).collect()
}

fn line(row: &Row) -> Result<LogLine, DbError> {
    Ok(LogLine {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        level: db::word(row, "level")?,
        line: row.try_get("line")?,
    })
}
