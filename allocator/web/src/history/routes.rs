//! The pool's history: every change with who made it, by id.

use axum::Json;
use lablink_core::events;
use lablink_protocol::organisers::EventList;
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::event_body;
use crate::{
    auth::Caller,
    http::{Problem, Query, older},
};

const PER_PAGE: i64 = 100;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Before {
    /// The `next` of the page before.
    before: Option<i64>,
}

/// What happened in the pool, the newest first; `next` leads to the older ones.
#[utoipa::path(get, path = "", params(Before), responses((status = 200, body = EventList)))]
pub async fn list(
    Caller(scope): Caller,
    Query(Before { before }): Query<Before>,
) -> Result<Json<EventList>, Problem> {
    let entries = events::recent(&scope, before, PER_PAGE).await?;
    let next = older(&entries, PER_PAGE, |last| last.id);
    let events = entries.into_iter().map(event_body).collect();
    Ok(Json(EventList { events, next }))
}
