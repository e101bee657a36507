//! The page of the participants.

use askama::Template;
use axum::{extract::State, response::Html};
use jiff::Timestamp;
use lablink_core::{
    claims::{self, ClaimId, SamePerson, Which},
    line,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::page::{AddressCrowd, OpenClaim, ParticipantsPage, ReentryRow, SamePersonRow};
use crate::{
    AppState,
    auth::Caller,
    http::{Problem, Query, older},
    line::place_row::PlaceRow,
    links,
    states::claim::Connection,
};

/// Keeps the page under 50 KB.
const CLAIMS_SHOWN: i64 = 50;
const PLACES_SHOWN: u16 = 25;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Before {
    /// The id of the last claim of the page before.
    #[param(value_type = Option<i64>)]
    before: Option<ClaimId>,
}

/// Who has which VM, who waits, and who asks to get back in.
#[utoipa::path(get, path = "", params(Before), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Query(Before { before }): Query<Before>,
) -> Result<Html<String>, Problem> {
    let open = claims::list(&scope, Which::Open, before, CLAIMS_SHOWN).await?;
    let page = ParticipantsPage {
        next: older(&open, CLAIMS_SHOWN, |last| links::participants_before(last.id)),
        reentries: claims::reentries(&scope)
            .await?
            .into_iter()
            .map(|asked| ReentryRow {
                claim_id: asked.claim_id.into(),
                email: asked.email,
                hostname: asked.hostname.to_string(),
                asked: asked.asked,
                last_asked_at: asked.last_asked_at,
            })
            .collect(),
        same_person: claims::same_person(&scope)
            .await?
            .into_iter()
            .map(|SamePerson { first, later }| SamePersonRow {
                first: (first.0, first.1.to_string()),
                later: (later.0, later.1.to_string()),
            })
            .collect(),
        note: state.open_form(),
        crowd: line::crowd(&scope)
            .await?
            .map(|crowd| AddressCrowd { place: crowd.place.into(), places: crowd.places }),
        line: PlaceRow::first(&scope, PLACES_SHOWN).await?,
        claims: open
            .into_iter()
            .map(|claim| OpenClaim {
                id: claim.id.into(),
                email: claim.email,
                hostname: claim.hostname.to_string(),
                connection: Connection::of(claim.state, claim.detail),
                since: claim.created_at,
            })
            .collect(),
        now: Timestamp::now(),
    };
    Ok(Html(page.render()?))
}
