//! Decisions of people about an operation that is not over: stop, approve, reject.

use serde_json::json;
use tokio_postgres::types::ToSql;

use super::{Kinds, OperationState, end::leave_steps, targets};
use crate::{
    DbError, Scope, db,
    events::{self, Change},
    ids::OperationId,
    scope::Sent,
};

/// A decision.
#[derive(Clone, Copy)]
enum Decision {
    Cancel,
    Approve,
    Reject,
}

impl Decision {
    /// Writes the decision into the row, and returns the new state.
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
                 returning state, kind, title, payload"
            }
            Self::Approve => {
                "update operation set state = 'queued', decided_by = $3, decided_at = now()
                 where id = $1 and pool_id = $2 and state = 'awaiting_approval'
                 returning state, kind, title, payload"
            }
            Self::Reject => {
                "update operation set state = 'cancelled', decided_by = $3, decided_at = now(),
                     finished_at = now(), reason = 'It was not approved.'
                 where id = $1 and pool_id = $2 and state = 'awaiting_approval'
                 returning state, kind, title, payload"
            }
        }
    }

    fn event(self) -> events::Kind {
        match self {
            Self::Cancel => events::Kind::OperationCancelRequested,
            Self::Approve => events::Kind::OperationApproved,
            Self::Reject => events::Kind::OperationRejected,
        }
    }
}

/// Asks an operation to stop. A waiting one is over at once; a running one is told. `false`: it was
/// over already.
pub async fn cancel(scope: &Scope, kinds: &Kinds, id: OperationId) -> Result<bool, DbError> {
    decide(scope, kinds, id, Decision::Cancel).await
}

/// Lets an operation that awaits approval join the queue. `false`: it does not await approval.
pub async fn approve(scope: &Scope, kinds: &Kinds, id: OperationId) -> Result<bool, DbError> {
    decide(scope, kinds, id, Decision::Approve).await
}

/// Ends an operation that awaits approval. `false`: it does not await approval.
pub async fn reject(scope: &Scope, kinds: &Kinds, id: OperationId) -> Result<bool, DbError> {
    decide(scope, kinds, id, Decision::Reject).await
}

async fn decide(
    scope: &Scope,
    kinds: &Kinds,
    id: OperationId,
    decision: Decision,
) -> Result<bool, DbError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        change.lock_pool().await?;
        if !written(&mut change, kinds, id, decision).await? {
            return Ok(false);
        }
        scope.keep(&*change, &true).await?;
        change.commit().await?;
        Ok(true)
    })
}

async fn written(
    change: &mut Change<'_>,
    kinds: &Kinds,
    id: OperationId,
    decision: Decision,
) -> Result<bool, DbError> {
    let scope = change.scope();
    let (pool, who) = (scope.pool.as_i64(), scope.actor.to_string());
    let parameters: [&(dyn ToSql + Sync); 3] = [&id, &pool, &who];
    let named = if matches!(decision, Decision::Cancel) { 2 } else { 3 };
    let row = change.query_opt(decision.sql(), &parameters[..named]).await?;
    let Some(row) = row else { return Ok(false) };
    let (kind, title): (String, String) = (row.try_get("kind")?, row.try_get("title")?);
    if db::word::<OperationState>(&row, "state")? == OperationState::Cancelled {
        kinds.undo(&kind, row.try_get("payload")?, change, id).await?;
        leave_steps(change, id).await?;
    }
    targets::recount(change, id).await?;
    let data = json!({ "kind": kind, "title": title });
    change.event(decision.event()).of_operation(id).with(data);
    Ok(true)
}
