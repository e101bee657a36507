//! The end of an operation, or of one of its attempts.

use std::time::Duration;

use serde_json::json;
use tokio_postgres::types::ToSql;

use super::{Kind, Lease, LeaseError, OperationState, Stage, targets};
use crate::{
    Actor, DbError,
    events::{self, Change},
    ids::OperationId,
};

/// How an operation ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub state: OperationState,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

impl Outcome {
    pub fn succeeded() -> Self {
        Self { state: OperationState::Succeeded, exit_code: Some(0), reason: None }
    }

    pub fn failed(reason: impl Into<String>) -> Self {
        Self { state: OperationState::Failed, exit_code: None, reason: Some(reason.into()) }
    }
}

/// An attempt that is to be repeated.
#[derive(Clone, Debug)]
pub struct Again {
    /// Why, in plain words.
    pub reason: String,
    pub pause: Duration,
    pub counts: Counts,
}

/// What an attempt that is repeated counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    /// One of the few that the kind allows.
    AsAttempt,
    /// A part of the work: as many are allowed after it as before.
    AsPart,
}

impl Lease {
    /// Ends the operation: its VMs are no longer spoken for by it.
    pub async fn finish(&self, outcome: &Outcome) -> Result<(), LeaseError> {
        let mut client = self.scope.client().await?;
        let mut change = Change::begin(&self.scope, &mut client).await?;
        change.lock_pool().await?;
        self.write_end(&mut change, outcome).await?;
        change.commit().await?;
        Ok(())
    }

    /// Ends an operation that was not begun, and lets its kind note that, in one transaction.
    pub(crate) async fn call_off<K: Kind>(&self, job: &K, reason: &str) -> Result<(), LeaseError> {
        let outcome = Outcome::failed(reason);
        let mut client = self.scope.client().await?;
        let mut change = Change::begin(&self.scope, &mut client).await?;
        change.lock_pool().await?;
        self.write_end(&mut change, &outcome).await?;
        job.called_off(&mut change, self.id, reason).await?;
        change.commit().await?;
        Ok(())
    }

    /// Puts the operation back into the queue after an attempt that is to be repeated. One that is to
    /// stop waits for nothing.
    pub async fn try_again(&self, again: &Again) -> Result<(), LeaseError> {
        let Again { reason, pause, counts } = again;
        let more = match counts {
            Counts::AsAttempt => 0,
            Counts::AsPart => 1,
        };
        let mut client = self.scope.client().await?;
        let mut change = Change::begin(&self.scope, &mut client).await?;
        change.lock_pool().await?;
        let sql = "update operation set state = 'queued', reason = $3, lease_owner = null,
                       lease_expires_at = null, deadline = null,
                       max_attempts = max_attempts + $5,
                       not_before = case when cancel_requested_at is null
                           then now() + make_interval(secs => $4::float8) end
                   where id = $1 and attempt = $2 and state = 'running'
                   returning kind, title";
        let row = change
            .query_opt(sql, &[&self.id, &self.attempt, reason, &pause.as_secs_f64(), &more])
            .await?
            .ok_or(LeaseError::Lost)?;
        targets::recount(&mut change, self.id).await?;
        let log = "insert into operation_log (operation_id, level, line)
                   values ($1, 'warn', $2), ($1, 'info', $3)";
        let next = format!("The next attempt begins in {} s.", pause.as_secs());
        change.execute(log, &[&self.id, reason, &next]).await?;
        let (kind, title): (String, String) = (row.try_get("kind")?, row.try_get("title")?);
        let seconds = pause.as_secs();
        let data = json!({ "kind": kind, "title": title, "reason": reason, "seconds": seconds });
        change
            .event(events::Kind::OperationPutOff)
            .of_operation(self.id)
            .with(data)
            .by(Actor::System);
        change.commit().await?;
        Ok(())
    }

    async fn write_end(
        &self,
        change: &mut Change<'_>,
        outcome: &Outcome,
    ) -> Result<(), LeaseError> {
        let Outcome { state, exit_code, reason } = outcome;
        let sql =
            "update operation set state = $3, exit_code = $4, reason = $5, finished_at = now(),
                       lease_owner = null, lease_expires_at = null
                   where id = $1 and attempt = $2 and state = 'running'";
        let state = state.as_str();
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&self.id, &self.attempt, &state, exit_code, reason];
        if change.execute(sql, &parameters).await? == 0 {
            return Err(LeaseError::Lost);
        }
        Ok(tell_end(change, self.id).await?)
    }

    /// Ends the operation as failed by writing its own row and, if the database takes it, the event.
    /// For an end that the database refuses ([`Self::finish`]): it must not hold up the operations
    /// after it.
    pub async fn close(&self, reason: &str) -> Result<(), LeaseError> {
        let sql = "update operation set state = 'failed', reason = $3, finished_at = now(),
                       lease_owner = null, lease_expires_at = null
                   where id = $1 and attempt = $2 and state = 'running'
                   returning kind, title";
        let mut client = self.scope.client().await?;
        let mut change = Change::begin(&self.scope, &mut client).await?;
        let closed = change.query_opt(sql, &[&self.id, &self.attempt, &reason]).await?;
        let closed = closed.ok_or(LeaseError::Lost)?;
        let (kind, title): (String, String) = (closed.try_get("kind")?, closed.try_get("title")?);
        let state = OperationState::Failed.as_str();
        let data = json!({ "kind": kind, "title": title, "state": state, "reason": reason });
        change
            .event(events::Kind::OperationFinished)
            .of_operation(self.id)
            .with(data)
            .by(Actor::System);
        change.commit_even_untold().await?;
        Ok(())
    }
}

/// Writes everything else that belongs to an operation's end, after its row: its VMs are no longer
/// spoken for, unfinished steps say so, and there is an event. The caller holds the pool's lock.
pub(super) async fn tell_end(change: &mut Change<'_>, id: OperationId) -> Result<(), DbError> {
    leave_steps(change, id).await?;
    targets::recount(change, id).await?;
    let sql = "select kind, title, state, reason from operation where id = $1";
    let row = change.query_one(sql, &[&id]).await?;
    let word = |column| row.try_get::<_, Option<String>>(column);
    let data = json!({ "kind": word("kind")?, "title": word("title")?, "state": word("state")?,
        "reason": word("reason")? });
    change.event(events::Kind::OperationFinished).of_operation(id).with(data).by(Actor::System);
    Ok(())
}

/// Steps that are not done are never done any more.
pub(super) async fn leave_steps(change: &Change<'_>, id: OperationId) -> Result<(), DbError> {
    let left = "update operation_vm set stage = $2, finished_at = now()
                where operation_id = $1
                  and stage in ('waiting', 'creating', 'destroying', 'collecting')";
    change.execute(left, &[&id, &Stage::Unfinished.as_str()]).await?;
    Ok(())
}
