use jiff::Timestamp;
use lablink_protocol::Hostname;
use tokio_postgres::{Row, types::ToSql};

use super::{Kind, Lane, OperationState, known::parsed};
use crate::{
    DbError, Scope,
    db::{self, GenericClient},
    ids::OperationId,
    pools::Pool,
};

/// An operation, as read from its row.
#[derive(Clone, Debug)]
pub struct Operation {
    pub id: OperationId,
    /// The word of its [`Kind`]; a newer allocator may have kinds that are unknown here.
    pub kind: String,
    payload: serde_json::Value,
    /// What it does, as people read it.
    pub title: String,
    /// The VMs that it is about, by number.
    pub hostnames: Vec<Hostname>,
    pub lane: Lane,
    /// Whether the machines of its VMs go.
    pub removes: bool,
    pub state: OperationState,
    pub actor: String,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub cancel_requested: bool,
    /// The operation that must succeed before this one begins.
    pub after: Option<OperationId>,
    pub not_before: Option<Timestamp>,
    /// The operation that it is a step of.
    pub parent: Option<OperationId>,
    /// How often it was begun, and how often it may be.
    pub attempts: i32,
    pub max_attempts: i32,
    /// When the running attempt will be stopped.
    pub deadline: Option<Timestamp>,
    /// The person who approved or rejected it, and when.
    pub decided: Option<(String, Timestamp)>,
    /// How many things are done, out of `total`: resources, files, VMs. `total` is 0 while unknown.
    pub done: i32,
    pub total: i32,
    pub exit_code: Option<i32>,
    /// Why it failed, stopped, or is to be tried again, in plain words.
    pub reason: Option<String>,
}

impl Operation {
    pub fn is<K: Kind>(&self) -> bool {
        self.kind == K::WORD
    }

    /// Its payload, if it is of this kind.
    pub fn job<K: Kind>(&self) -> Result<Option<K>, DbError> {
        if self.is::<K>() { parsed(self.payload.clone()).map(Some) } else { Ok(None) }
    }

    pub(super) fn payload(&self) -> serde_json::Value {
        self.payload.clone()
    }
}

/// An operation that an older allocator has just queued names its VMs only in its payload.
const SELECT: &str = "select id, kind, payload, title, lane, removes, state, actor, created_at,
        started_at, finished_at, cancel_requested_at is not null as cancelling, after_id, not_before,
        parent_id, attempts, max_attempts, deadline, decided_by, decided_at,
        progress_done, progress_total, exit_code, reason,
        coalesce(
            nullif(array(
                select vm.hostname
                from operation_target as target join vm on vm.id = target.vm_id
                where target.operation_id = operation.id
                order by vm.number nulls last, vm.hostname), '{}'),
            array(select jsonb_array_elements_text(
                case jsonb_typeof(payload->'hostnames') when 'array' then payload->'hostnames' end)),
            '{}') as hostnames
    from operation where pool_id = $1";

pub async fn find(scope: &Scope, id: OperationId) -> Result<Option<Operation>, DbError> {
    find_in(&scope.client().await?, &scope.pool, id).await
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
    /// Only operations older than this one.
    pub before: Option<OperationId>,
    /// The word of a [`Kind`].
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
    let client = scope.client().await?;
    let (pool, before) = (scope.pool.as_i64(), filter.before.unwrap_or(i64::MAX.into()));
    let state = filter.state.map(OperationState::as_str);
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&pool, &before, &limit];
    // A condition for each filter that is set, so that an index can answer.
    let mut filters = String::new();
    for (column, value) in [("kind", &filter.kind), ("state", &state)] {
        if let Some(value) = value {
            values.push(value);
            filters += &format!(" and {column} = ${}", values.len());
        }
    }
    let sql = format!("{SELECT} and id < $2 {filters} order by id desc limit $3");
    client.query(&sql, &values).await?.iter().map(operation).collect()
}

/// How many operations there are, by kind and state.
pub async fn counts(scope: &Scope) -> Result<Vec<(String, String, i64)>, DbError> {
    let sql = "select kind, state, operations from operation_count
               where pool_id = $1 and operations > 0";
    let rows = scope.client().await?.query(sql, &[&scope.pool.as_i64()]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

fn operation(row: &Row) -> Result<Operation, DbError> {
    let decided_by: Option<String> = row.try_get("decided_by")?;
    let names: Vec<String> = row.try_get("hostnames")?;
    let hostnames = names.into_iter().map(|name| {
        name.parse().map_err(|_invalid| DbError::UnknownWord { column: "hostnames", value: name })
    });
    Ok(Operation {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        payload: row.try_get("payload")?,
        title: row.try_get("title")?,
        hostnames: hostnames.collect::<Result<_, _>>()?,
        lane: Lane::from(row.try_get::<_, String>("lane")?),
        removes: row.try_get("removes")?,
        state: db::word(row, "state")?,
        actor: row.try_get("actor")?,
        created_at: row.try_get("created_at")?,
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
        cancel_requested: row.try_get("cancelling")?,
        after: row.try_get("after_id")?,
        not_before: row.try_get("not_before")?,
        parent: row.try_get("parent_id")?,
        attempts: row.try_get("attempts")?,
        max_attempts: row.try_get("max_attempts")?,
        deadline: row.try_get("deadline")?,
        decided: decided_by.zip(row.try_get("decided_at")?),
        done: row.try_get("progress_done")?,
        total: row.try_get("progress_total")?,
        exit_code: row.try_get("exit_code")?,
        reason: row.try_get("reason")?,
    })
}
