use askama::Template;
use axum::{
    Json,
    extract::State,
    http::header,
    response::{Html, IntoResponse, Response},
};
use jiff::Timestamp;
use lablink_core::{
    Scope,
    operations::{self, Filter, LogLine, Operation, OperationId, OperationState, RetryError},
    placement, state as known,
};
use lablink_protocol::organisers::{OperationDetail, OperationList, Queued, Step};
use serde::Deserialize;
use utoipa::{IntoParams, openapi::ObjectBuilder};

use super::{
    filled::filled,
    find::find,
    list_page::OperationsPage,
    started::{Started, StartedAnswers, queued, started},
    summary::OperationSummary,
    wire::{self, operation_body},
};
use crate::{
    AppState,
    auth::{Asking, Caller},
    http::{Path, Problem, Query, Wants, in_pieces, one_of_or_empty, write_one_of},
    links,
};

const OPERATIONS_PER_PAGE: i64 = 50;
/// Lines of a log that are read at once.
const LINES_AT_ONCE: i64 = 500;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Listing {
    /// The `next` of the page before.
    #[param(value_type = Option<i64>)]
    before: Option<OperationId>,
    /// As in `kind` of an operation. A form sends an empty text for any.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    #[param(schema_with = state_or_empty)]
    state: String,
}

fn state_or_empty() -> ObjectBuilder {
    one_of_or_empty(OperationState::ALL.iter().map(|state| state.as_str()))
        .description(Some("The word of a state; empty: any."))
}

/// One page of operations and the cursor of the next.
async fn older(
    scope: &Scope,
    listing: &Listing,
) -> Result<(Vec<Operation>, Option<OperationId>), Problem> {
    let only = match listing.state.as_str() {
        "" => None,
        word => Some(word.parse().map_err(|_unknown| {
            let words = OperationState::ALL.iter().map(|state| state.as_str());
            Problem::invalid(write_one_of("state", words))
        })?),
    };
    let kind = Some(listing.kind.as_str()).filter(|kind| !kind.is_empty());
    let filter = Filter { before: listing.before, kind, state: only };
    let found = operations::list(scope, &filter, OPERATIONS_PER_PAGE).await?;
    let next = crate::http::older(&found, OPERATIONS_PER_PAGE, |last| last.id);
    Ok((found, next))
}

/// What was launched, destroyed and replaced, the newest first.
#[utoipa::path(get, path = "", params(Listing), responses((status = 200, body = OperationList)))]
pub async fn list(
    Caller(scope): Caller,
    Query(listing): Query<Listing>,
) -> Result<Json<OperationList>, Problem> {
    let (found, next) = older(&scope, &listing).await?;
    let operations = found.iter().map(operation_body).collect();
    Ok(Json(OperationList { operations, next: next.map(Into::into) }))
}

/// The page of operations.
#[utoipa::path(get, path = "", params(Listing), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn list_page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Query(listing): Query<Listing>,
) -> Result<Html<String>, Problem> {
    let (found, next) = older(&scope, &listing).await?;
    // Only words that `older` has let pass, or that match no kind.
    let Listing { kind, state: only, .. } = listing;
    let page = OperationsPage {
        operations: found.iter().map(OperationSummary::of).collect(),
        now: Timestamp::now(),
        next: next.map(|id| links::operations_before(id, &kind, &only)),
        kinds: state.kinds.names().collect(),
        kind,
        state: only,
    };
    Ok(Html(page.render()?))
}

/// In the JSON of an operation.
const REFUSALS_SHOWN: i64 = 200;

/// One operation, with its steps.
#[utoipa::path(get, path = "", params(("id" = i64, Path)), responses((status = 200, body = OperationDetail)))]
pub async fn one(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Path(id): Path<OperationId>,
) -> Result<Json<OperationDetail>, Problem> {
    let operation = find(&scope, id).await?;
    let steps = operations::steps(&state.db, id).await?;
    let usual_seconds = operations::usual_seconds(&scope, &operation).await?;
    let steps: Vec<Step> = steps.into_iter().map(wire::step).collect();
    let targets = operations::targets(&state.db, id).await?;
    let targets = targets.into_iter().map(wire::target).collect();
    let conflict = known::conflict_of(&scope, id).await?;
    let conflict = conflict.map(|conflict| wire::conflict(id, conflict));
    let operation = operation_body(&operation);
    let vms = steps.clone();
    let refusals = placement::refusals(&state.db, id, REFUSALS_SHOWN).await?;
    let refusals = refusals.into_iter().map(wire::refusal).collect();
    Ok(Json(OperationDetail { operation, usual_seconds, conflict, targets, steps, refusals, vms }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogBefore {
    /// Shows the lines of the log before this one.
    log_before: Option<i64>,
}

/// The live page of an operation.
#[utoipa::path(get, path = "", params(("id" = i64, Path), LogBefore), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Path(id): Path<OperationId>,
    Query(LogBefore { log_before }): Query<LogBefore>,
) -> Result<Html<String>, Problem> {
    let operation = find(&scope, id).await?;
    Ok(Html(filled(&state, &scope, operation, log_before).await?))
}

/// The whole log as a file.
#[utoipa::path(get, path = "", params(("id" = i64, Path)), responses((status = 200, content_type = "text/plain", body = String)))]
pub async fn log(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Path(id): Path<OperationId>,
) -> Result<Response, Problem> {
    find(&scope, id).await?;
    let first = operations::log_after(&state.db, id, 0, LINES_AT_ONCE).await?;
    let more = move |last: &LogLine| {
        let (db, last) = (state.db.clone(), last.id);
        async move { operations::log_after(&db, id, last, LINES_AT_ONCE).await }
    };
    let text = |line: &LogLine| format!("{} {:5} {}\n", line.at, line.level.as_str(), line.line);
    let name = format!("attachment; filename=\"operation-{id}.log\"");
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, in_pieces("", first, more, text)).into_response())
}

/// Queues what an operation left undone.
#[utoipa::path(post, path = "", params(("id" = i64, Path), Started), responses(StartedAnswers))]
pub async fn retry(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Query(started_as): Query<Started>,
    Path(id): Path<OperationId>,
) -> Result<Response, Problem> {
    let retried = operations::retry(&scope, &state.kinds, id).await;
    let id = retried.map_err(|error| match error {
        RetryError::NoSuchOperation => Problem::not_found(error.to_string()),
        RetryError::NothingLeft => Problem::conflict("nothing_left", error.to_string()),
        RetryError::Db(error) => error.into(),
    })?;
    started(&state, &scope, wants, &started_as, id).await
}

/// Asks an operation that waits or runs to stop.
#[utoipa::path(post, path = "", params(("id" = i64, Path)), responses((status = 202, body = Queued), (status = 303, description = "To a browser: its page.")))]
pub async fn cancel(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Path(id): Path<OperationId>,
) -> Result<Response, Problem> {
    find(&scope, id).await?;
    if !operations::cancel(&scope, &state.kinds, id).await? {
        return Err(Problem::conflict("already_over", "This operation is over already."));
    }
    Ok(queued(wants, id))
}

/// Lets an operation join the queue that waits to be approved.
#[utoipa::path(post, path = "", params(("id" = i64, Path)), responses((status = 202, body = Queued), (status = 303, description = "To a browser: its page.")))]
pub async fn approve(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Path(id): Path<OperationId>,
) -> Result<Response, Problem> {
    find(&scope, id).await?;
    let was_approved = operations::approve(&scope, &state.kinds, id).await?;
    was_approved.then(|| queued(wants, id)).ok_or_else(not_awaiting)
}

/// Ends an operation that waits to be approved: nothing is done.
#[utoipa::path(post, path = "", params(("id" = i64, Path)), responses((status = 202, body = Queued), (status = 303, description = "To a browser: its page.")))]
pub async fn reject(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Path(id): Path<OperationId>,
) -> Result<Response, Problem> {
    find(&scope, id).await?;
    let was_rejected = operations::reject(&scope, &state.kinds, id).await?;
    was_rejected.then(|| queued(wants, id)).ok_or_else(not_awaiting)
}

fn not_awaiting() -> Problem {
    Problem::conflict(
        "not_awaiting_approval",
        "This operation does not wait to be approved. Look at it again: somebody else may have \
         decided.",
    )
}
