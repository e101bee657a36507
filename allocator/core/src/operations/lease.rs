use serde_json::json;
use std::time::Duration;

use super::{Operation, OperationState, Stage, Step, ask, read, targets};
use crate::{
    Actor, DbError, Scope, db,
    events::{Change, Kind},
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
}

/// What a worker has to tell since it last did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report<'a> {
    /// Resources done, of all that are to be done; of a collection, files.
    pub done: i32,
    pub total: i32,
    /// New lines of the readable log.
    pub lines: &'a [(LogLevel, String)],
    /// VMs with which it has come on, each once.
    pub steps: &'a [Step],
}

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Somebody else has taken over, or the operation is over: stop, and touch nothing.
    #[error("the operation's lease was lost")]
    Lost,
    #[error("the operation could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(LeaseError);

/// The right to work on an operation. All that a worker writes goes through it.
pub struct Lease {
    pub(super) scope: Scope,
    pub(super) id: OperationId,
    pub(super) attempt: i32,
}

/// An operation to work on.
pub struct Taken {
    pub lease: Lease,
    pub operation: Operation,
    /// Its earlier worker vanished in the middle: look at what it left, and end it.
    pub abandoned: bool,
}

/// Takes the pool's next operation: one whose worker let its lease run out, else the oldest in
/// the queue if none is running.
///
/// Two that come at once take turns at the same row. Who skipped it instead would begin the next
/// operation before it.
///
/// It starts when the row is written, which is after the one before has ended for all to see;
/// `now()` is when the statement came, and that may be before.
pub async fn take(scope: &Scope, owner: &str) -> Result<Option<Taken>, DbError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    let taken = change
        .query_opt(
            "update operation set state = 'running', attempt = attempt + 1, lease_owner = $2,
                    lease_expires_at = now() + make_interval(secs => $3::float8),
                    started_at = coalesce(started_at, clock_timestamp())
             where id = (
                 select id from operation
                 where pool_id = $1
                   and (state = 'running' and lease_expires_at < now()
                        or state = 'queued' and not exists (
                            select from operation as other
                            where other.pool_id = $1 and other.state = 'running'))
                 order by state = 'running' desc, id limit 1 for no key update
             )
             returning id, attempt",
            &[&scope.pool.as_i64(), &owner, &LEASE.as_secs_f64()],
        )
        .await;
    let taken = match taken {
        Ok(Some(row)) => row,
        Ok(None) => return Ok(None),
        // Another allocator was quicker: the schema allows one running operation.
        Err(error) if db::violated(&error) == Some("operation_running") => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let (id, attempt): (OperationId, i32) = (taken.try_get("id")?, taken.try_get("attempt")?);
    change.event(Kind::OperationStarted).of_operation(id).with(json!({ "attempt": attempt }));
    change.commit().await?;
    drop(client);
    let Some(operation) = read::find(scope, id).await? else { return Ok(None) };
    let lease = Lease { scope: scope.clone(), id, attempt };
    Ok(Some(Taken { lease, operation, abandoned: attempt > 1 }))
}

impl Lease {
    pub fn operation_id(&self) -> OperationId {
        self.id
    }

    /// Keeps the lease for another [`LEASE`]. Answers whether a stop has been asked for.
    pub async fn renew(&self) -> Result<bool, LeaseError> {
        let row = self
            .scope
            .db
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
        let rows = self.scope.db
            .client()
            .await?
            .query(
                "with mine as (
                     update operation set progress_done = $3, progress_total = $4
                     where id = $1 and attempt = $2 and state = 'running' returning id, kind, pool_id
                 ), made as (
                     -- A machine that was just made is nobody's yet.
                     select vm.id from mine join vm on vm.pool_id = mine.pool_id
                     where mine.kind in ('launch', 'replace') and vm.hostname = any($7)
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
        let row = change
            .query_opt(
                "update operation set state = $3, exit_code = $4, reason = $5, finished_at = now(),
                        lease_owner = null, lease_expires_at = null
                 where id = $1 and attempt = $2 and state = 'running'
                 returning kind",
                &[
                    &self.id,
                    &self.attempt,
                    &outcome.state.as_str(),
                    &outcome.exit_code,
                    &outcome.reason,
                ],
            )
            .await?
            .ok_or(LeaseError::Lost)?;
        let kind: String = row.try_get("kind")?;
        let left = "update operation_vm set stage = $2, finished_at = now()
                    where operation_id = $1 and stage in ('waiting', 'creating', 'destroying', 'collecting')";
        change.execute(left, &[&self.id, &Stage::Unfinished.as_str()]).await?;
        targets::recount(&mut change, self.id).await?;
        change
            .event(Kind::OperationFinished)
            .of_operation(self.id)
            .with(
                json!({ "kind": kind, "state": outcome.state.as_str(), "reason": outcome.reason }),
            )
            .by(Actor::System);
        change.commit().await?;
        Ok(())
    }

    /// Ends the operation as failed by its own row and nothing else, where [`Self::finish`] is
    /// refused: one whose end can't be told must not hold up those after it.
    pub async fn close(&self, reason: &str) -> Result<(), LeaseError> {
        let sql = "update operation set state = 'failed', reason = $3, finished_at = now(),
                       lease_owner = null, lease_expires_at = null
                   where id = $1 and attempt = $2 and state = 'running'
                   returning kind";
        let mut client = self.scope.client().await?;
        let mut change = Change::begin(&self.scope, &mut client).await?;
        let closed = change.query_opt(sql, &[&self.id, &self.attempt, &reason]).await?;
        let kind: String = closed.ok_or(LeaseError::Lost)?.try_get("kind")?;
        let state = OperationState::Failed.as_str();
        let data = json!({ "kind": kind, "state": state, "reason": reason });
        change.event(Kind::OperationFinished).of_operation(self.id).with(data);
        change.commit().await?;
        Ok(())
    }
}
