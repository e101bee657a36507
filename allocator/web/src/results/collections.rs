//! Participants' results: collected by an operation, kept for a while, downloaded.

use axum::{Json, extract::State, response::Response};
use lablink_core::{collections, operations::OperationId};
use lablink_protocol::organisers::CollectionList;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    form::{Collect, extension},
    routes as results,
    routes::older,
    wire::collection_body,
};
use crate::{
    AppState,
    auth::{Asking, Caller},
    http::{FormOrJson, Problem, Query, Wants},
    operations::started::{Started, StartedAnswers, started},
};

const PER_PAGE: i64 = 50;

/// Queues the collection of results into an archive that is kept for a while.
#[utoipa::path(post, path = "", params(Started), request_body(content((Collect = "application/x-www-form-urlencoded"), (Collect = "application/json"))), responses(StartedAnswers))]
pub async fn collect(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Query(started_as): Query<Started>,
    FormOrJson(form): FormOrJson<Collect>,
) -> Result<Response, Problem> {
    let queued = async {
        let extension = extension(&state, form.extension.as_deref())?;
        Ok(collections::collect(&scope, &form.selection()?, extension).await?)
    };
    match (queued.await, wants) {
        (Ok(id), _) => started(&state, &scope, wants, &started_as, id).await,
        (Err(problem), Wants::Json) => Err(problem),
        (Err(problem), Wants::Page) => results::refused(&state, &scope, &form, problem).await,
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Listing {
    /// The `next` of the page before.
    #[param(value_type = Option<i64>)]
    before: Option<OperationId>,
}

/// The collections that were asked for, the newest first.
#[utoipa::path(get, path = "", params(Listing), responses((status = 200, body = CollectionList)))]
pub async fn list(
    Caller(scope): Caller,
    Query(Listing { before }): Query<Listing>,
) -> Result<Json<CollectionList>, Problem> {
    let (found, next) = older(&scope, before, PER_PAGE).await?;
    let collections = found.into_iter().map(collection_body).collect();
    Ok(Json(CollectionList { collections, next: next.map(Into::into) }))
}
