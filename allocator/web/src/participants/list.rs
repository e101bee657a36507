//! Claims, for programs.

use axum::Json;
use lablink_core::claims::{self, ClaimRecord, Which};
use lablink_protocol::organisers::{ClaimList, ClaimRecordBody};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    auth::Caller,
    http::{Problem, Query, older},
};

const PER_PAGE: i64 = 100;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Listing {
    /// The `next` of the page before.
    before: Option<i64>,
    /// Only those that are not over.
    #[serde(default)]
    open: bool,
}

/// Every claim that ever was, the newest first.
#[utoipa::path(get, path = "", params(Listing), responses((status = 200, body = ClaimList)))]
pub async fn list(
    Caller(scope): Caller,
    Query(Listing { before, open }): Query<Listing>,
) -> Result<Json<ClaimList>, Problem> {
    let which = if open { Which::Open } else { Which::All };
    let found = claims::list(&scope, which, before.map(Into::into), PER_PAGE).await?;
    let next = older(&found, PER_PAGE, |last| last.id.into());
    Ok(Json(ClaimList { claims: found.into_iter().map(claim_body).collect(), next }))
}

fn claim_body(claim: ClaimRecord) -> ClaimRecordBody {
    ClaimRecordBody {
        claim_id: claim.id.into(),
        email: claim.email,
        hostname: claim.hostname,
        state: claim.state.as_str().to_owned(),
        detail: claim.detail,
        claimed_at: claim.created_at,
        ended_at: claim.ended.map(|ended| ended.at),
        ended_by: claim.ended.map(|ended| ended.reason.to_string()),
    }
}
