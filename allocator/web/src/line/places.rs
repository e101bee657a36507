//! The places in line, as organisers see them and take them away.

use askama::Template;
use axum::{
    Json,
    response::{Html, IntoResponse, Redirect, Response},
};
use jiff::Timestamp;
use lablink_core::line::{self, PlaceId, Removal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    clear_page::ClearLinePage,
    wire::{PlaceBody, PlaceList},
};
use crate::{
    auth::{Asking, Caller},
    http::{FormOrJson, Path, Problem, Wants},
};

/// Places that a list holds.
const MOST: i64 = 300;

/// The people in line, in the order in which they are served: the first 300.
#[utoipa::path(get, path = "", responses((status = 200, body = PlaceList)))]
pub async fn list(Caller(scope): Caller) -> Result<Json<PlaceList>, Problem> {
    let places = line::waiting(&scope, MOST).await?;
    Ok(Json(PlaceList { places: places.into_iter().map(PlaceBody::from).collect() }))
}

/// How many places were taken away.
#[derive(Serialize, ToSchema)]
pub struct RemovedPlaces {
    #[schema(minimum = 0)]
    removed: i64,
}

/// Takes one place out of the line; its page says so.
#[utoipa::path(post, path = "", params(("id" = i64, Path)),
    responses((status = 200, body = RemovedPlaces), (status = 303, description = "To a browser: the participants.")))]
pub async fn remove(
    Asking(scope): Asking,
    wants: Wants,
    Path(id): Path<PlaceId>,
) -> Result<Response, Problem> {
    let removed = line::remove(&scope, Removal::One(id)).await?;
    if removed == 0 && wants == Wants::Json {
        return Err(Problem::not_found("There is no such place in line, or not any more."));
    }
    Ok(done(wants, removed))
}

#[derive(Default, Deserialize, ToSchema)]
pub struct ClearLine {
    /// The number of a place: only those that came from the same address are taken away.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    same_address_as: Option<PlaceId>,
}

/// Asks before everybody's place is taken away.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn clear_page(Caller(scope): Caller) -> Result<Html<String>, Problem> {
    let places = line::waiting(&scope, MOST).await?;
    let kept = places.iter().filter(|place| place.offered.is_some()).count();
    let more = i64::try_from(places.len()).is_ok_and(|places| places == MOST);
    let page = ClearLinePage { places: places.len(), more, kept, now: Timestamp::now() };
    Ok(Html(page.render()?))
}

/// Takes all places out of the line, or all of one address; their pages say so.
#[utoipa::path(post, path = "",
    request_body(content((ClearLine = "application/x-www-form-urlencoded"), (ClearLine = "application/json"))),
    responses((status = 200, body = RemovedPlaces), (status = 303, description = "To a browser: the participants.")))]
pub async fn clear(
    Asking(scope): Asking,
    wants: Wants,
    FormOrJson(ClearLine { same_address_as }): FormOrJson<ClearLine>,
) -> Result<Response, Problem> {
    let which = same_address_as.map_or(Removal::All, Removal::OfItsAddress);
    Ok(done(wants, line::remove(&scope, which).await?))
}

fn done(wants: Wants, removed: i64) -> Response {
    match wants {
        Wants::Page => Redirect::to("/admin/participants").into_response(),
        Wants::Json => Json(RemovedPlaces { removed }).into_response(),
    }
}
