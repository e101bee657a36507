use std::time::Duration;

use jiff::Timestamp;
use lablink_protocol::Hostname;

use serde_json::json;

use super::{OperationState, lane::Lane, targets};
use crate::{
    DbError, Scope,
    events::{self, Change},
    ids::OperationId,
    scope::Sent,
};

/// A new operation of any kind, before it is queued.
#[derive(Clone, Debug)]
pub struct Ask {
    pub(super) kind: &'static str,
    pub(super) payload: serde_json::Value,
    pub(super) title: String,
    pub(super) hostnames: Vec<Hostname>,
    pub(super) lane: Lane,
    pub(super) removes: bool,
    pub(super) total: usize,
    pub(super) time_limit: Duration,
    pub(super) max_attempts: u16,
    pub(super) after: Option<OperationId>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) parent: Option<OperationId>,
    /// Queued, or awaiting approval.
    pub(super) state: OperationState,
}

impl Ask {
    /// It begins after the operation `first`, and only if that succeeds.
    pub fn after(self, first: OperationId) -> Self {
        Self { after: Some(first), ..self }
    }

    /// It does not begin before this time.
    pub fn not_before(self, time: Timestamp) -> Self {
        Self { not_before: Some(time), ..self }
    }

    /// It is a step of the operation `parent`.
    pub fn part_of(self, parent: OperationId) -> Self {
        Self { parent: Some(parent), ..self }
    }

    /// It awaits approval before it joins the queue. Until then it reserves no VM.
    pub fn once_approved(self) -> Self {
        Self { state: OperationState::AwaitingApproval, ..self }
    }

    pub(super) fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    /// Writes it into the queue. The caller holds the pool's lock.
    pub(crate) async fn queue(&self, change: &mut Change<'_>) -> Result<OperationId, DbError> {
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let time_limit = i32::try_from(self.time_limit.as_secs()).unwrap_or(i32::MAX);
        let scope = change.scope();
        let row = change
            .query_one(
                "insert into operation (pool_id, kind, payload, actor, progress_total, title, lane,
                     removes, state, after_id, not_before, parent_id, max_attempts,
                     time_limit_seconds)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
                 returning id",
                &[
                    &scope.pool.as_i64(),
                    &self.kind,
                    &self.payload,
                    &scope.actor.to_string(),
                    &count(self.total),
                    &self.title,
                    &self.lane.as_str(),
                    &self.removes,
                    &self.state.as_str(),
                    &self.after,
                    &self.not_before,
                    &self.parent,
                    &i32::from(self.max_attempts),
                    &time_limit,
                ],
            )
            .await?;
        let id = row.try_get("id")?;
        targets::write(change, id, &self.hostnames).await?;
        let kind = match self.state {
            OperationState::AwaitingApproval => events::Kind::OperationAwaitsApproval,
            _ => events::Kind::OperationQueued,
        };
        let data = json!({ "kind": self.kind, "title": self.title, "vms": self.hostnames.len() });
        change.event(kind).of_operation(id).with(data);
        Ok(id)
    }
}

/// Queues an operation of any kind.
pub async fn ask(scope: &Scope, wish: &Ask) -> Result<OperationId, DbError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        change.lock_pool().await?;
        let id = wish.queue(&mut change).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}
