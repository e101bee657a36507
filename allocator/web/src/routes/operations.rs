use askama::Template;
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use jiff::Timestamp;
use lablink_core::{
    live::Topic,
    operations::{self, Job, LogLevel, Operation, OperationId, OperationState},
    vms::{self, Vm},
};
use lablink_protocol::VmStatus;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    AppState,
    auth::Caller,
    http::{Problem, Wants},
    pages,
};

const LOG_LINES_SHOWN: i64 = 500;
const OPERATIONS_PER_PAGE: i64 = 50;

/// How a form was posted: `?wait=true` is for scripts that want the end, as with the original.
#[derive(Deserialize)]
pub struct Started {
    #[serde(default)]
    wait: bool,
}

/// The answer to a form that queued an operation.
pub(super) async fn started(
    state: &AppState,
    wants: Wants,
    how: &Started,
    id: OperationId,
) -> Result<Response, Problem> {
    let page = format!("/admin/operations/{id}");
    if how.wait {
        let operation = ended(state, id).await?;
        return match wants {
            Wants::Page => Ok(Html(filled(state, operation).await?).into_response()),
            Wants::Json => {
                let log = operations::log(&state.db, id, LOG_LINES_SHOWN).await?;
                let output: Vec<String> = log.into_iter().map(|line| line.line).collect();
                let mut body = wire(&operation);
                body["output"] = json!(output.join("\n"));
                Ok(Json(body).into_response())
            }
        };
    }
    Ok(match wants {
        Wants::Page => Redirect::to(&page).into_response(),
        Wants::Json => {
            let location = [(header::LOCATION, format!("/api/operations/{id}"))];
            (StatusCode::ACCEPTED, location, Json(json!({ "operation_id": id }))).into_response()
        }
    })
}

async fn ended(state: &AppState, id: OperationId) -> Result<Operation, Problem> {
    let mut changes = state.hub.subscribe(Topic::Operation(id));
    loop {
        let operation = find(state, id).await?;
        if operation.state.is_over() {
            return Ok(operation);
        }
        tokio::select! {
            () = changes.changed() => {}
            () = state.shutdown.cancelled() => {
                return Err(Problem::try_again("stopping", "This allocator is stopping; the operation's page tells its end.", 5));
            }
        }
    }
}

async fn find(state: &AppState, id: OperationId) -> Result<Operation, Problem> {
    let operation = operations::find(&state.db, state.pool, id).await?;
    operation.ok_or_else(|| Problem::not_found("There is no such operation."))
}

/// An operation on the wire.
pub(super) fn wire(operation: &Operation) -> Value {
    json!({
        "operation_id": operation.id,
        "kind": operation.job.kind(),
        "hostnames": operation.job.hostnames(),
        "state": operation.state.as_str(),
        "actor": operation.actor,
        "created_at": operation.created_at,
        "started_at": operation.started_at,
        "finished_at": operation.finished_at,
        "progress": { "done": operation.done, "total": operation.total },
        "exit_code": operation.exit_code,
        "reason": operation.reason,
    })
}

#[derive(Deserialize)]
pub struct Before {
    before: Option<OperationId>,
}

/// One page of operations and the cursor of the next.
async fn older(
    state: &AppState,
    Before { before }: Before,
) -> Result<(Vec<Operation>, Option<OperationId>), Problem> {
    let found = operations::recent(&state.db, state.pool, before, OPERATIONS_PER_PAGE).await?;
    let full = i64::try_from(found.len()).unwrap_or(0) == OPERATIONS_PER_PAGE;
    let next = found.last().map(|last| last.id).filter(|_| full);
    Ok((found, next))
}

pub async fn list(
    State(state): State<AppState>,
    Query(before): Query<Before>,
) -> Result<Json<Value>, Problem> {
    let (found, next) = older(&state, before).await?;
    let operations: Vec<Value> = found.iter().map(wire).collect();
    Ok(Json(json!({ "operations": operations, "next": next })))
}

pub async fn list_page(
    State(state): State<AppState>,
    Query(before): Query<Before>,
) -> Result<Html<String>, Problem> {
    let (found, next) = older(&state, before).await?;
    let page = pages::OperationsPage {
        operations: found.iter().map(summary).collect(),
        now: Timestamp::now(),
        next: next.map(|id| format!("/admin/operations?before={id}")),
    };
    Ok(Html(page.render()?))
}

pub async fn one(
    State(state): State<AppState>,
    Path(id): Path<OperationId>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(wire(&find(&state, id).await?)))
}

pub async fn page(
    State(state): State<AppState>,
    Path(id): Path<OperationId>,
) -> Result<Html<String>, Problem> {
    let operation = find(&state, id).await?;
    Ok(Html(filled(&state, operation).await?))
}

/// Asks a queued or running operation to stop.
pub async fn cancel(
    State(state): State<AppState>,
    Caller(actor): Caller,
    wants: Wants,
    Path(id): Path<OperationId>,
) -> Result<Response, Problem> {
    find(&state, id).await?;
    if !operations::cancel(&state.db, state.pool, &actor, id).await? {
        return Err(Problem::conflict("already_over", "This operation is over already."));
    }
    Ok(match wants {
        Wants::Page => Redirect::to(&format!("/admin/operations/{id}")).into_response(),
        Wants::Json => (StatusCode::ACCEPTED, Json(json!({ "operation_id": id }))).into_response(),
    })
}

async fn filled(state: &AppState, operation: Operation) -> Result<String, Problem> {
    let vms = vms::list(&state.db, state.pool).await?;
    let log = operations::log(&state.db, operation.id, LOG_LINES_SHOWN).await?;
    let log_is_cut = i64::try_from(log.len()).unwrap_or(i64::MAX) == LOG_LINES_SHOWN;
    let page = pages::OperationPage {
        operation: summary(&operation),
        reason: operation.reason.clone(),
        vms: operation
            .job
            .hostnames()
            .iter()
            .map(|hostname| {
                let vm = vms.iter().find(|vm| vm.hostname == *hostname);
                let (state, detail) = step(&operation, vm);
                pages::OperationVm { hostname: hostname.to_string(), state, detail }
            })
            .collect(),
        log: log
            .into_iter()
            .map(|line| pages::LogLine {
                at: line.at,
                level: match line.level {
                    LogLevel::Info => pages::LogLevel::Info,
                    LogLevel::Warn => pages::LogLevel::Warn,
                    LogLevel::Error => pages::LogLevel::Error,
                },
                text: line.line,
            })
            .collect(),
        log_is_cut,
        now: Timestamp::now(),
    };
    Ok(page.render()?)
}

/// How far an operation has come with one of its VMs, as its row tells.
fn step(operation: &Operation, vm: Option<&Vm>) -> (pages::StepState, Option<String>) {
    use pages::StepState::{Done, Failed, Waiting, Working};
    let reason = || vm.and_then(|vm| vm.status_reason.clone());
    match (&operation.job, operation.state) {
        (_, OperationState::Queued) => (Waiting, None),
        (Job::Launch { .. }, state) => match vm.map(|vm| vm.status) {
            Some(VmStatus::Error) => (Failed, reason()),
            Some(VmStatus::Running) => (Done, Some("Its agent has reported in.".to_owned())),
            Some(_) if state.is_over() => (Done, Some("Made; its agent is starting.".to_owned())),
            Some(_) => (Working, None),
            None => (Done, Some("Removed since.".to_owned())),
        },
        (Job::Destroy { .. }, state) => match vm {
            None => (Done, None),
            Some(_) if state.is_over() => (Failed, reason()),
            Some(_) => (Working, None),
        },
    }
}

pub(super) fn summary(operation: &Operation) -> pages::OperationSummary {
    let vms = operation.job.hostnames().len();
    pages::OperationSummary {
        id: operation.id,
        kind: match operation.job {
            Job::Launch { .. } => pages::OperationKind::Launch { vms },
            Job::Destroy { .. } => pages::OperationKind::Destroy { vms },
        },
        state: match operation.state {
            OperationState::Queued => pages::OperationState::Queued,
            OperationState::Running if operation.cancel_requested => {
                pages::OperationState::Cancelling
            }
            OperationState::Running => pages::OperationState::Running,
            OperationState::Succeeded => pages::OperationState::Succeeded,
            OperationState::Failed => pages::OperationState::Failed,
            OperationState::Cancelled => pages::OperationState::Cancelled,
            OperationState::Interrupted => pages::OperationState::Interrupted,
        },
        actor: operation.actor.clone(),
        created_at: operation.created_at,
        started_at: operation.started_at,
        finished_at: operation.finished_at,
        done: operation.done,
        total: operation.total,
    }
}
