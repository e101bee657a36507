mod page;

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
    operations::{self, Filter, Operation, OperationId, RetryError},
};
use serde::Deserialize;
use serde_json::{Value, json};

use self::page::filled;
pub(super) use self::page::summary;
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
            Wants::Page => Ok(Html(filled(state, operation, None).await?).into_response()),
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
pub struct Listing {
    before: Option<OperationId>,
    /// A form sends an empty text for any.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    state: String,
}

/// One page of operations and the cursor of the next.
async fn older(
    state: &AppState,
    listing: &Listing,
) -> Result<(Vec<Operation>, Option<OperationId>), Problem> {
    let only = match listing.state.as_str() {
        "" => None,
        word => Some(word.parse().map_err(|_unknown| {
            Problem::invalid(
                "state: write queued, running, succeeded, failed, cancelled or interrupted.",
            )
        })?),
    };
    let kind = Some(listing.kind.as_str()).filter(|kind| !kind.is_empty());
    let filter = Filter { before: listing.before, kind, state: only };
    let found = operations::list(&state.db, state.pool, &filter, OPERATIONS_PER_PAGE).await?;
    let full = i64::try_from(found.len()).unwrap_or(0) == OPERATIONS_PER_PAGE;
    let next = found.last().map(|last| last.id).filter(|_| full);
    Ok((found, next))
}

pub async fn list(
    State(state): State<AppState>,
    Query(listing): Query<Listing>,
) -> Result<Json<Value>, Problem> {
    let (found, next) = older(&state, &listing).await?;
    let operations: Vec<Value> = found.iter().map(wire).collect();
    Ok(Json(json!({ "operations": operations, "next": next })))
}

pub async fn list_page(
    State(state): State<AppState>,
    Query(listing): Query<Listing>,
) -> Result<Html<String>, Problem> {
    let (found, next) = older(&state, &listing).await?;
    // Only words that `older` has let pass, or that match no kind.
    let Listing { kind, state: only, .. } = listing;
    let page = pages::OperationsPage {
        operations: found.iter().map(summary).collect(),
        now: Timestamp::now(),
        next: next.map(|id| {
            let query =
                [("before", id.to_string()), ("kind", kind.clone()), ("state", only.clone())];
            let query = query.iter().filter(|(_, value)| value.chars().all(char::is_alphanumeric));
            let query: Vec<String> = query.map(|(name, value)| format!("{name}={value}")).collect();
            format!("/admin/operations?{}", query.join("&"))
        }),
        kind,
        state: only,
    };
    Ok(Html(page.render()?))
}

pub async fn one(
    State(state): State<AppState>,
    Path(id): Path<OperationId>,
) -> Result<Json<Value>, Problem> {
    let operation = find(&state, id).await?;
    let steps = operations::steps(&state.db, id).await?;
    let mut body = wire(&operation);
    body["usual_seconds"] =
        json!(operations::usual_seconds(&state.db, state.pool, &operation.job).await?);
    body["vms"] = steps
        .iter()
        .map(|step| {
            json!({
                "hostname": step.hostname,
                "stage": step.stage.as_str(),
                "started_at": step.started_at,
                "finished_at": step.finished_at,
                "detail": step.detail,
            })
        })
        .collect();
    Ok(Json(body))
}

#[derive(Deserialize)]
pub struct LogBefore {
    log_before: Option<i64>,
}

pub async fn page(
    State(state): State<AppState>,
    Path(id): Path<OperationId>,
    Query(LogBefore { log_before }): Query<LogBefore>,
) -> Result<Html<String>, Problem> {
    let operation = find(&state, id).await?;
    Ok(Html(filled(&state, operation, log_before).await?))
}

/// The whole log as a file.
pub async fn log(
    State(state): State<AppState>,
    Path(id): Path<OperationId>,
) -> Result<Response, Problem> {
    find(&state, id).await?;
    let lines = operations::log(&state.db, id, i64::MAX).await?;
    let text: String = lines
        .iter()
        .map(|line| format!("{} {:5} {}\n", line.at, line.level.as_str(), line.line))
        .collect();
    let name = format!("attachment; filename=\"operation-{id}.log\"");
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text).into_response())
}

/// Queues what an operation left undone.
pub async fn retry(
    State(state): State<AppState>,
    Caller(actor): Caller,
    wants: Wants,
    Query(started_as): Query<Started>,
    Path(id): Path<OperationId>,
) -> Result<Response, Problem> {
    let retried = operations::retry(&state.db, state.pool, &actor, id).await;
    let id = retried.map_err(|error| match error {
        RetryError::NoSuchOperation => Problem::not_found(error.to_string()),
        RetryError::NothingLeft => Problem::conflict("nothing_left", error.to_string()),
        RetryError::Db(error) => error.into(),
    })?;
    started(&state, wants, &started_as, id).await
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
