//! The places in line, as organisers see them and take them away.

use askama::Template;
use axum::{
    Json,
    response::{Html, IntoResponse, Redirect, Response},
};
use jiff::Timestamp;
use lablink_core::line::{self, COUNTED, Length, PlaceId, Removal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    clear_page::ClearLinePage,
    wire::{PlaceBody, PlaceList},
};
use crate::{
    auth::{Asking, Caller},
    http::{FormOrJson, Page, Path, Problem, Query, Wants},
};

/// The people in line, in the order in which they are served.
#[utoipa::path(get, path = "", params(Page), responses((status = 200, body = PlaceList)))]
pub async fn list(
    Caller(scope): Caller,
    Query(page): Query<Page>,
) -> Result<Json<PlaceList>, Problem> {
    let page = line::waiting(&scope, page.after()?.as_ref(), page.limit()?).await?;
    let places = page.places.into_iter().map(PlaceBody::from).collect();
    Ok(Json(PlaceList { places, next: page.next.map(|cursor| cursor.to_string()) }))
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
    let Length { places, kept } = line::length(&scope).await?;
    let or_more = places == COUNTED;
    let page = ClearLinePage { places, or_more, kept, now: Timestamp::now() };
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
