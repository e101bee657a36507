//! The pool's history: every change with who made it, by id.

use axum::{Json, extract::State};
use lablink_core::events;
use serde::Deserialize;
use utoipa::IntoParams;

use super::wire::{EventBody, EventList};
use crate::{
    AppState,
    http::{Problem, Query},
};

const PER_PAGE: i64 = 100;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Before {
    /// The `next` of the page before.
    before: Option<i64>,
}

/// What happened in the pool, the newest first; `next` leads to the older ones.
#[utoipa::path(get, path = "/api/events", params(Before), responses((status = 200, body = EventList)))]
pub async fn list(
    State(state): State<AppState>,
    Query(Before { before }): Query<Before>,
) -> Result<Json<EventList>, Problem> {
    let entries = events::recent(&state.db, state.pool, before, PER_PAGE).await?;
    let full = i64::try_from(entries.len()).unwrap_or(0) == PER_PAGE;
    let next = entries.last().map(|last| last.id).filter(|_| full);
    let events = entries.into_iter().map(EventBody::from).collect();
    Ok(Json(EventList { events, next }))
}
