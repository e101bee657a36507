//! Pages and exports about participants.

use askama::Template;
use axum::{
    extract::State,
    http::header,
    response::{Html, IntoResponse, Response},
};
use jiff::Timestamp;
use lablink_core::{
    cell,
    claims::{self, ClaimId, ClaimRecord, SamePerson, Which},
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
const PLACES_SHOWN: i64 = 25;

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
        line: line::waiting(&scope, PLACES_SHOWN).await?.into_iter().map(PlaceRow::from).collect(),
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

/// Every claim that ever was, as a table for other programs.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/csv", body = String)))]
pub async fn csv(Caller(scope): Caller) -> Result<Response, Problem> {
    let claims = claims::list(&scope, Which::All, None, i64::MAX).await?;
    // With a byte order mark, by which Excel knows that it is UTF-8.
    let mut text =
        "\u{feff}email,hostname,connection,claimed_at,ended_at,ended_by,detail\r\n".to_owned();
    for claim in &claims {
        text += &record(claim);
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"claims.csv\""),
    ];
    Ok((headers, text).into_response())
}

fn record(claim: &ClaimRecord) -> String {
    let ended = |tell: fn(&claims::Ended) -> String| claim.ended.as_ref().map(tell);
    let fields = [
        claim.email.clone(),
        claim.hostname.to_string(),
        claim.state.to_string(),
        claim.created_at.to_string(),
        ended(|ended| ended.at.to_string()).unwrap_or_default(),
        ended(|ended| ended.reason.to_string()).unwrap_or_default(),
        claim.detail.clone().unwrap_or_default(),
    ];
    fields.map(|field| quoted(&field)).join(",") + "\r\n"
}

/// RFC 4180.
fn quoted(field: &str) -> String {
    format!("\"{}\"", cell(field).replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn fields_are_quoted_and_formulas_are_text() {
        assert_eq!(quoted("ada@example.org"), "\"ada@example.org\"");
        assert_eq!(quoted("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(quoted("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
    }
}
