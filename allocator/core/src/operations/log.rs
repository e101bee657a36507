use jiff::Timestamp;

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

/// All lines of an operation's log, oldest first.
pub async fn whole_log(db: &Db, id: OperationId) -> Result<Vec<LogLine>, DbError> {
    const AT_ONCE: i64 = 1_000;
    let mut parts = vec![log(db, id, AT_ONCE).await?];
    while let Some(first) = parts.last().and_then(|part| part.first()).map(|line| line.id) {
        parts.push(log_before(db, id, first, AT_ONCE).await?);
    }
    Ok(parts.into_iter().rev().flatten().collect())
}

/// The last `limit` lines before line `before`, oldest first.
pub async fn log_before(
    db: &Db,
    id: OperationId,
    before: i64,
    limit: i64,
) -> Result<Vec<LogLine>, DbError> {
    let rows = db
        .client()
        .await?
        .query(
            // Along the index of operations: lines of later ones may lie between.
            "select id, at, level, line from operation_log
             where (operation_id, id) < ($1, $2) and operation_id >= $1
             order by operation_id desc, id desc limit $3",
            &[&id, &before, &limit],
        )
        .await?;
    rows.iter()
        .rev()
        .map(|row| {
            Ok(LogLine {
                id: row.try_get("id")?,
                at: row.try_get("at")?,
                level: db::word(row, "level")?,
                line: row.try_get("line")?,
            })
        })
        .collect()
}
