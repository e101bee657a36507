//! Participants' results: collected by an operation, kept for a while, downloaded.

use axum::{Json, extract::State, response::Response};
use lablink_core::{
    Scope,
    collections::{self, Collection, Wish},
    operations::{self, OperationId},
    pools::Extension,
};
use lablink_protocol::Hostname;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    routes as results,
    wire::{CollectionBody, CollectionList},
};
use crate::{
    AppState,
    auth::Caller,
    http::{Asking, FormOrJson, Problem, Query, Wants},
    operations::{
        routes::{Started, started},
        wire::{OperationOutput, Queued},
    },
};

const PER_PAGE: i64 = 50;

#[derive(Deserialize, ToSchema)]
pub struct Collect {
    /// Which VMs; none: all.
    #[serde(default, alias = "hostname")]
    #[schema(value_type = Vec<lablink_protocol::Hostname>)]
    pub hostnames: Vec<String>,
    /// The ending of the files. Absent, or empty as a form may send it: the configured one.
    #[schema(pattern = r"^(\.?[A-Za-z0-9][A-Za-z0-9._-]{0,31})?$")]
    pub extension: Option<String>,
}

/// Queues the collection of results into an archive that is kept for a while.
#[utoipa::path(post, path = "/api/collections", params(Started), request_body(content((Collect = "application/x-www-form-urlencoded"), (Collect = "application/json"))), responses((status = 200, description = "With `wait=true`: it is over.", content((OperationOutput = "application/json"), (String = "text/html"))), (status = 202, body = Queued), (status = 303, description = "To a browser: its live page.")))]
pub async fn collect(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Query(started_as): Query<Started>,
    FormOrJson(form): FormOrJson<Collect>,
) -> Result<Response, Problem> {
    let queued = async {
        let extension = extension(&state, form.extension.as_deref())?;
        let wish = Wish { hostnames: hostnames(&form.hostnames)?, extension };
        Ok(operations::collect(&scope, &wish).await?)
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
#[utoipa::path(get, path = "/api/collections", params(Listing), responses((status = 200, body = CollectionList)))]
pub async fn list(
    Caller(scope): Caller,
    Query(Listing { before }): Query<Listing>,
) -> Result<Json<CollectionList>, Problem> {
    let (found, next) = older(&scope, before, PER_PAGE).await?;
    let collections = found.into_iter().map(CollectionBody::from).collect();
    Ok(Json(CollectionList { collections, next }))
}

/// One page of collections and the cursor of the next.
pub async fn older(
    scope: &Scope,
    before: Option<OperationId>,
    limit: i64,
) -> Result<(Vec<Collection>, Option<OperationId>), Problem> {
    let found = collections::list(scope, before, limit).await?;
    let full = i64::try_from(found.len()).unwrap_or(0) == limit;
    let next = found.last().map(|last| last.operation.id).filter(|_| full);
    Ok((found, next))
}

/// What was asked for, or the configured one.
pub fn extension(state: &AppState, typed: Option<&str>) -> Result<Extension, Problem> {
    match typed.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(state.pool.rules.results.extension.clone()),
        Some(text) => {
            text.parse().map_err(|invalid| Problem::invalid(format!("extension: {invalid}")))
        }
    }
}

/// None: all.
pub fn hostnames(typed: &[String]) -> Result<Option<Vec<Hostname>>, Problem> {
    let parsed: Result<Vec<Hostname>, _> = typed.iter().map(|text| text.parse()).collect();
    let parsed = parsed.map_err(|invalid| Problem::invalid(format!("hostname: {invalid}")))?;
    Ok(Some(parsed).filter(|hostnames| !hostnames.is_empty()))
}
