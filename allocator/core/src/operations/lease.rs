use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::types::ToSql;

use super::{Kind, OperationState, Stage, Step, ask, targets};
use crate::{
    Actor, DbError, Scope,
    events::{self, Change, Touch},
    ids::OperationId,
    text_enum::text_enum,
};

/// How long a lease lasts without being renewed, and how often its holder renews it.
pub const LEASE: Duration = Duration::from_secs(20);
pub const RENEW_EVERY: Duration = Duration::from_secs(5);

text_enum! {
    pub enum LogLevel {
        Info = "info",
        Warn = "warn",
        Error = "error",
    }
}

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

/// News of a worker since its last report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report<'a> {
    /// How many resources are done, out of `total`. For a collection: files.
    pub done: i32,
    pub total: i32,
    /// New lines of the readable log.
    pub lines: &'a [(LogLevel, String)],
    /// VMs with progress, each once.
    pub steps: &'a [Step],
    /// Whether a step that is `done` means that a machine was just made.
    pub makes: Makes,
}

/// What a finished step means for its VM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Makes {
    /// Nothing about its machine.
    #[default]
    Nothing,
    /// Its machine was just made, so nobody has used it.
    Machines,
}

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another worker has taken over, or the operation is over: stop, and touch nothing.
    #[error("the operation's lease was lost")]
    Lost,
    #[error("the operation could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(LeaseError);

/// The right to work on an operation. A worker writes everything through it.
pub struct Lease {
    pub(super) scope: Scope,
    pub(super) id: OperationId,
    pub(super) attempt: i32,
}

impl Lease {
    pub fn operation_id(&self) -> OperationId {
        self.id
    }

    /// Keeps the lease for another [`LEASE`]. Returns whether somebody has asked for a stop.
    pub async fn renew(&self) -> Result<bool, LeaseError> {
        let row = self
            .scope
            .client()
            .await?
            .query_opt(
                "update operation set lease_expires_at = now() + make_interval(secs => $3::float8)
                 where id = $1 and attempt = $2 and state = 'running'
                 returning cancel_requested_at is not null as cancelling",
                &[&self.id, &self.attempt, &LEASE.as_secs_f64()],
            )
            .await?
            .ok_or(LeaseError::Lost)?;
        Ok(row.try_get("cancelling")?)
    }

    /// The operation that this one follows, if that did not succeed.
    pub(crate) async fn unmet(&self) -> Result<Option<OperationId>, DbError> {
        let sql = "select first.id from operation join operation as first
                       on first.id = operation.after_id
                   where operation.id = $1 and first.state <> 'succeeded'";
        let first = self.scope.client().await?.query_opt(sql, &[&self.id]).await?;
        first.map(|row| Ok(row.try_get("id")?)).transpose()
    }

    /// Adds lines to the readable log and moves the progress, together.
    pub async fn advance(&self, report: &Report<'_>) -> Result<(), LeaseError> {
        let (levels, texts): (Vec<&str>, Vec<&str>) =
            report.lines.iter().map(|(level, line)| (level.as_str(), line.as_str())).unzip();
        let steps = report.steps;
        let names: Vec<&str> = steps.iter().map(|step| step.hostname.as_str()).collect();
        let stages: Vec<&str> = steps.iter().map(|step| step.stage.as_str()).collect();
        let started: Vec<_> = steps.iter().map(|step| step.started_at).collect();
        let finished: Vec<_> = steps.iter().map(|step| step.finished_at).collect();
        let details: Vec<Option<&str>> = steps.iter().map(|step| step.detail.as_deref()).collect();
        let rows = self
            .scope
            .client()
            .await?
            .query(
                "with mine as (
                     update operation set progress_done = $3, progress_total = $4
                     where id = $1 and attempt = $2 and state = 'running' returning id, pool_id
                 ), made as (
                     -- A machine that was just made is nobody's yet.
                     select vm.id from mine join vm on vm.pool_id = mine.pool_id
                     where $12 and vm.hostname = any($7)
                       and vm.removed_at is null
                       and (vm.used_at is not null or vm.barred_at is not null
                            or vm.token_due_at is not null)
                       and vm.machine = 'making'
                       and ($8::text[])[array_position($7::text[], vm.hostname)] = 'done'
                     order by vm.id for no key update of vm
                 ), freed as (
                     update vm set used_at = null, barred_at = null, token_due_at = null
                     from made where vm.id = made.id
                 ), logged as (
                     insert into operation_log (operation_id, level, line)
                     select mine.id, new.level, new.line
                     from mine, unnest($5::text[], $6::text[]) with ordinality as new(level, line, place)
                     order by new.place
                 ), stepped as (
                     insert into operation_vm
                         (operation_id, hostname, stage, started_at, finished_at, detail)
                     select mine.id, new.*
                     from mine, unnest($7::text[], $8::text[], $9::timestamptz[],
                                       $10::timestamptz[], $11::text[]) as new
                     on conflict (operation_id, hostname) do update
                         set stage = excluded.stage, started_at = excluded.started_at,
                             finished_at = excluded.finished_at, detail = excluded.detail
                 )
                 select pg_notify('operation_changed', id::text)::text,
                        pg_notify('pool_changed', pool_id::text)::text
                 from mine",
                &[
                    &self.id,
                    &self.attempt,
                    &report.done,
                    &report.total,
                    &levels,
                    &texts,
                    &names,
                    &stages,
                    &started,
                    &finished,
                    &details,
                    &(report.makes == Makes::Machines),
                ],
            )
            .await?;
        if rows.is_empty() { Err(LeaseError::Lost) } else { Ok(()) }
    }

    /// Ends the operation: its VMs are no longer spoken for by it.
    pub async fn finish(&self, outcome: &Outcome) -> Result<(), LeaseError> {
        let mut client = self.scope.client().await?;
        let mut change = Change::begin(&self.scope, &mut client).await?;
        ask::lock(&change).await?;
        self.write_end(&mut change, outcome).await?;
        change.commit().await?;
        Ok(())
    }

    /// Ends an operation that was not begun, and lets its kind note that, in one transaction.
    pub(crate) async fn call_off<K: Kind>(&self, job: &K, reason: &str) -> Result<(), LeaseError> {
        let outcome = Outcome::failed(reason);
        let mut client = self.scope.client().await?;
        let mut change = Change::begin(&self.scope, &mut client).await?;
        ask::lock(&change).await?;
        self.write_end(&mut change, &outcome).await?;
        job.called_off(&mut change, self.id, reason).await?;
        change.commit().await?;
        Ok(())
    }

    /// Puts the operation back into the queue after a failure that may pass. It waits for `pause`.
    pub async fn try_again(&self, reason: &str, pause: Duration) -> Result<(), LeaseError> {
        let mut client = self.scope.client().await?;
        let mut change = Change::begin(&self.scope, &mut client).await?;
        ask::lock(&change).await?;
        let sql = "update operation set state = 'queued', reason = $3, lease_owner = null,
                       lease_expires_at = null, deadline = null,
                       not_before = now() + make_interval(secs => $4::float8)
                   where id = $1 and attempt = $2 and state = 'running'
                   returning kind, title";
        let again = change
            .query_opt(sql, &[&self.id, &self.attempt, &reason, &pause.as_secs_f64()])
            .await?
            .ok_or(LeaseError::Lost)?;
        targets::recount(&mut change, self.id).await?;
        let (kind, title): (String, String) = (again.try_get("kind")?, again.try_get("title")?);
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

    /// Ends the operation as failed by writing its own row and nothing else, if the database
    /// refuses [`Self::finish`]: it must not hold up the operations after it. Then tries to write
    /// the event.
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
        change.touch(Touch::Operation(self.id));
        change.commit().await?;
        drop(client);
        tell_after(&self.scope, events::Kind::OperationFinished, self.id, data).await;
        Ok(())
    }
}

/// Writes an event after its change: an operation begins and ends even if the database refuses the
/// event.
pub(super) async fn tell_after(scope: &Scope, kind: events::Kind, id: OperationId, data: Value) {
    let told = async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        change.event(kind).of_operation(id).with(data).by(Actor::System);
        change.commit().await
    };
    if let Err(error) = told.await {
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::warn!(error, operation.id = %id, "an event could not be written");
    }
}

/// Writes everything else that belongs to an operation's end, after its row: its VMs are no longer
/// spoken for, unfinished steps say so, and there is an event. The caller holds the pool's lock.
pub(super) async fn tell_end(change: &mut Change<'_>, id: OperationId) -> Result<(), DbError> {
    let left = "update operation_vm set stage = $2, finished_at = now()
                where operation_id = $1
                  and stage in ('waiting', 'creating', 'destroying', 'collecting')";
    change.execute(left, &[&id, &Stage::Unfinished.as_str()]).await?;
    targets::recount(change, id).await?;
    let sql = "select kind, title, state, reason from operation where id = $1";
    let row = change.query_one(sql, &[&id]).await?;
    let word = |column| row.try_get::<_, Option<String>>(column);
    let data = json!({ "kind": word("kind")?, "title": word("title")?, "state": word("state")?,
        "reason": word("reason")? });
    change.event(events::Kind::OperationFinished).of_operation(id).with(data).by(Actor::System);
    Ok(())
}
