use super::{Job, LogLevel, OperationState};
use crate::{
    Db, DbError, Scope,
    db::{self, GenericClient},
    ids::OperationId,
    pools::Pool,
};
use jiff::Timestamp;
use tokio_postgres::{Row, types::ToSql};

/// An operation as its row tells it.
#[derive(Clone, Debug)]
pub struct Operation {
    pub id: OperationId,
    pub job: Job,
    pub state: OperationState,
    pub actor: String,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub cancel_requested: bool,
    pub attempt: i32,
    /// Resources done, of all that are to be done; of a collection, files. `total` is 0 while
    /// nobody knows.
    pub done: i32,
    pub total: i32,
    pub exit_code: Option<i32>,
    /// Why it failed or stopped, in plain words.
    pub reason: Option<String>,
}

const SELECT: &str =
    "select id, jsonb_build_object('kind', kind, 'payload', payload) as job, state,
        actor, created_at, started_at, finished_at, cancel_requested_at is not null as cancelling,
        attempt, progress_done, progress_total, exit_code, reason
    from operation where pool_id = $1";

pub async fn find(scope: &Scope, id: OperationId) -> Result<Option<Operation>, DbError> {
    find_in(&scope.db.client().await?, &scope.pool, id).await
}

pub(super) async fn find_in(
    client: &impl GenericClient,
    pool: &Pool,
    id: OperationId,
) -> Result<Option<Operation>, DbError> {
    let row = client.query_opt(&format!("{SELECT} and id = $2"), &[&pool.as_i64(), &id]).await?;
    row.as_ref().map(operation).transpose()
}

/// Which operations a list is to show; the default is all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Only older ones than this.
    pub before: Option<OperationId>,
    /// As [`Job::kind`] says it.
    pub kind: Option<&'a str>,
    pub state: Option<OperationState>,
}

/// The newest `limit` operations that are older than `before`, newest first.
pub async fn recent(
    scope: &Scope,
    before: Option<OperationId>,
    limit: i64,
) -> Result<Vec<Operation>, DbError> {
    list(scope, &Filter { before, ..Filter::default() }, limit).await
}

/// The newest `limit` operations that fit, newest first.
pub async fn list(
    scope: &Scope,
    filter: &Filter<'_>,
    limit: i64,
) -> Result<Vec<Operation>, DbError> {
    let client = scope.db.client().await?;
    let sql = format!(
        "{SELECT} and ($2::bigint is null or id < $2) and ($3::text is null or kind = $3)
             and ($4::text is null or state = $4) order by id desc limit $5"
    );
    let state = filter.state.map(OperationState::as_str);
    let parameters: [&(dyn ToSql + Sync); 5] =
        [&scope.pool.as_i64(), &filter.before, &filter.kind, &state, &limit];
    client.query(&sql, &parameters).await?.iter().map(operation).collect()
}

/// Whether an operation that changes machines is at work in the pool.
pub async fn is_at_work(scope: &Scope) -> Result<bool, DbError> {
    let sql = "select exists (
                   select from operation
                   where pool_id = $1 and state = 'running' and kind <> 'collect')";
    Ok(scope.db.client().await?.query_one(sql, &[&scope.pool.as_i64()]).await?.try_get(0)?)
}

/// How many operations there are, by kind and state.
pub async fn counts(scope: &Scope) -> Result<Vec<(String, String, i64)>, DbError> {
    let sql = "select kind, state, count(*) from operation where pool_id = $1 group by kind, state";
    let rows = scope.db.client().await?.query(sql, &[&scope.pool.as_i64()]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

pub(super) fn operation(row: &Row) -> Result<Operation, DbError> {
    let job: serde_json::Value = row.try_get("job")?;
    let job = serde_json::from_value(job.clone()).map_err(|_unknown| DbError::UnknownWord {
        column: "kind",
        value: job["kind"].to_string(),
    })?;
    Ok(Operation {
        id: row.try_get("id")?,
        job,
        state: db::word(row, "state")?,
        actor: row.try_get("actor")?,
        created_at: row.try_get("created_at")?,
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
        cancel_requested: row.try_get("cancelling")?,
        attempt: row.try_get("attempt")?,
        done: row.try_get("progress_done")?,
        total: row.try_get("progress_total")?,
        exit_code: row.try_get("exit_code")?,
        reason: row.try_get("reason")?,
    })
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

/// The last `limit` of the lines before line `before`, oldest first.
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
            "select id, at, level, line from (
                 select id, at, level, line from operation_log
                 where operation_id = $1 and id < $2
                 order by id desc limit $3
             ) as newest order by id",
            &[&id, &before, &limit],
        )
        .await?;
    rows.iter()
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
