//! The places in line, as organisers see them and take them away.

use askama::Template;
use axum::{
    Json,
    extract::State,
    response::{Html, IntoResponse, Redirect, Response},
};
use jiff::Timestamp;
use lablink_core::line::{self, Removal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    clear_page::ClearLinePage,
    wire::{PlaceBody, PlaceList},
};
use crate::{
    AppState,
    http::{Asking, FormOrJson, Path, Problem, Wants},
};

/// More than ever wait at once.
const MOST: i64 = 10_000;

/// Who stands in line, in the order in which they are served.
#[utoipa::path(get, path = "/api/places", responses((status = 200, body = PlaceList)))]
pub async fn list(State(state): State<AppState>) -> Result<Json<PlaceList>, Problem> {
    let places = line::waiting(&state.db, state.pool, MOST).await?;
    Ok(Json(PlaceList { places: places.into_iter().map(PlaceBody::from).collect() }))
}

/// How many places were taken away.
#[derive(Serialize, ToSchema)]
pub struct RemovedPlaces {
    #[schema(minimum = 0)]
    removed: i64,
}

/// Takes one place out of the line; its page says so.
#[utoipa::path(post, path = "/api/places/{id}/remove", params(("id" = i64, Path)),
    responses((status = 200, body = RemovedPlaces), (status = 303, description = "To a browser: the participants.")))]
pub async fn remove(
    State(state): State<AppState>,
    Asking(asker): Asking,
    wants: Wants,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let (db, stale_after) = (&state.db, state.settings.stale_after);
    let removed = line::remove(db, state.pool, stale_after, asker, Removal::One(id)).await?;
    if removed == 0 && wants == Wants::Json {
        return Err(Problem::not_found("There is no such place in line, or not any more."));
    }
    Ok(done(wants, removed))
}

#[derive(Default, Deserialize, ToSchema)]
pub struct ClearLine {
    /// The number of a place: only those that came from the same address are taken away.
    #[serde(default)]
    same_address_as: Option<i64>,
}

/// Asks before everybody's place is taken away.
#[utoipa::path(get, path = "/admin/line/clear", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn clear_page(State(state): State<AppState>) -> Result<Html<String>, Problem> {
    let places = line::waiting(&state.db, state.pool, MOST).await?;
    let kept = places.iter().filter(|place| place.offered.is_some()).count();
    let page = ClearLinePage { places: places.len(), kept, now: Timestamp::now() };
    Ok(Html(page.render()?))
}

/// Takes all places out of the line, or all of one address; their pages say so.
#[utoipa::path(post, path = "/api/places/clear",
    request_body(content((ClearLine = "application/x-www-form-urlencoded"), (ClearLine = "application/json"))),
    responses((status = 200, body = RemovedPlaces), (status = 303, description = "To a browser: the participants.")))]
pub async fn clear(
    State(state): State<AppState>,
    Asking(asker): Asking,
    wants: Wants,
    FormOrJson(ClearLine { same_address_as }): FormOrJson<ClearLine>,
) -> Result<Response, Problem> {
    let which = same_address_as.map_or(Removal::All, Removal::OfItsAddress);
    let (db, stale_after) = (&state.db, state.settings.stale_after);
    Ok(done(wants, line::remove(db, state.pool, stale_after, asker, which).await?))
}

fn done(wants: Wants, removed: i64) -> Response {
    match wants {
        Wants::Page => Redirect::to("/admin/participants").into_response(),
        Wants::Json => Json(RemovedPlaces { removed }).into_response(),
    }
}
