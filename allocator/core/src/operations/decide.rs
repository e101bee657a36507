//! What people decide about an operation that is not over: to stop it, to approve it, to reject it.

use tokio_postgres::types::ToSql;

use super::{Asked, Kinds, OperationId, OperationState, ask, targets};
use crate::{
    Actor, Db, DbError,
    db::{self, Transaction},
    events::{self, Event},
    once::{Asker, Sent},
    pools::PoolId,
};

/// What was decided.
#[derive(Clone, Copy)]
enum Decision {
    Cancel,
    Approve,
    Reject,
}

impl Decision {
    /// Writes it into the row, and answers what it has become.
    fn sql(self) -> &'static str {
        match self {
            Self::Cancel => {
                "update operation set cancel_requested_at = coalesce(cancel_requested_at, now()),
                     finished_at = case state when 'running' then null else now() end,
                     reason = case when state = 'running' then reason
                                   when attempts = 0 then 'It was cancelled before it began.'
                                   else 'It was cancelled before it was tried again.' end,
                     state = case state when 'running' then state else 'cancelled' end
                 where id = $1 and pool_id = $2
                   and state in ('awaiting_approval', 'queued', 'running')
                 returning state, kind, title, payload,
                           pg_notify('operation_changed', id::text)::text"
            }
            Self::Approve => {
                "update operation set state = 'queued', decided_by = $3, decided_at = now()
                 where id = $1 and pool_id = $2 and state = 'awaiting_approval'
                 returning state, kind, title, payload,
                           pg_notify('operation_changed', id::text)::text"
            }
            Self::Reject => {
                "update operation set state = 'cancelled', decided_by = $3, decided_at = now(),
                     finished_at = now(), reason = 'It was not approved.'
                 where id = $1 and pool_id = $2 and state = 'awaiting_approval'
                 returning state, kind, title, payload,
                           pg_notify('operation_changed', id::text)::text"
            }
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Cancel => "operation.cancel_requested",
            Self::Approve => "operation.approved",
            Self::Reject => "operation.rejected",
        }
    }
}

/// Asks for an operation to stop: one that waits is over at once, a running one is told. `false` when
/// there was nothing to stop any more.
pub async fn cancel(
    db: &Db,
    pool: PoolId,
    kinds: &Kinds,
    asker: impl Into<Asker>,
    id: OperationId,
) -> Result<bool, DbError> {
    decide(db, pool, kinds, asker.into(), id, Decision::Cancel).await
}

/// Lets an operation join the queue that waits for that. `false`: it does not.
pub async fn approve(
    db: &Db,
    pool: PoolId,
    kinds: &Kinds,
    asker: impl Into<Asker>,
    id: OperationId,
) -> Result<bool, DbError> {
    decide(db, pool, kinds, asker.into(), id, Decision::Approve).await
}

/// Ends an operation that waits to be approved. `false`: it does not.
pub async fn reject(
    db: &Db,
    pool: PoolId,
    kinds: &Kinds,
    asker: impl Into<Asker>,
    id: OperationId,
) -> Result<bool, DbError> {
    decide(db, pool, kinds, asker.into(), id, Decision::Reject).await
}

async fn decide(
    db: &Db,
    pool: PoolId,
    kinds: &Kinds,
    asker: Asker,
    id: OperationId,
    decision: Decision,
) -> Result<bool, DbError> {
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = asker.sent(&transaction, pool).await? {
            return Ok(before);
        }
        ask::lock(&transaction, pool).await?;
        if !written(&transaction, pool, kinds, &asker.actor, id, decision).await? {
            return Ok(false);
        }
        asker.keep(&transaction, pool, &true).await?;
        transaction.commit().await?;
        Ok(true)
    })
}

async fn written(
    transaction: &Transaction<'_>,
    pool: PoolId,
    kinds: &Kinds,
    actor: &Actor,
    id: OperationId,
    decision: Decision,
) -> Result<bool, DbError> {
    let (pool_id, who) = (pool.as_i64(), actor.to_string());
    let parameters: [&(dyn ToSql + Sync); 3] = [&id, &pool_id, &who];
    let named = if matches!(decision, Decision::Cancel) { 2 } else { 3 };
    let row = transaction.query_opt(decision.sql(), &parameters[..named]).await?;
    let Some(row) = row else { return Ok(false) };
    let (kind, title): (String, String) = (row.try_get("kind")?, row.try_get("title")?);
    if db::word::<OperationState>(&row, "state")? == OperationState::Cancelled {
        let asked = Asked { pool, id, actor };
        kinds.undo(&kind, row.try_get("payload")?, transaction, asked).await?;
    }
    targets::recount(transaction, id).await?;
    let data = serde_json::json!({ "kind": kind, "title": title });
    let event = Event { operation_id: Some(id), data, ..Event::new(actor, decision.event()) };
    events::record(transaction, pool, event).await?;
    Ok(true)
}
