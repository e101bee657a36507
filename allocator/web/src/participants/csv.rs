//! All claims as a table for other programs.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use lablink_core::{
    cell,
    claims::{self, ClaimRecord, Which},
};

use crate::{
    auth::Caller,
    http::{Problem, in_pieces},
};

/// With a byte order mark, by which Excel knows that it is UTF-8.
const HEADING: &str = "\u{feff}email,hostname,connection,claimed_at,ended_at,ended_by,detail\r\n";
/// Claims that are read at once.
const PIECE: i64 = 300;

/// Every claim that ever was, the newest first; each as it is when it is sent.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/csv", body = String)))]
pub async fn csv(Caller(scope): Caller) -> Result<Response, Problem> {
    let first = claims::list(&scope, Which::All, None, PIECE).await?;
    let more = move |last: &ClaimRecord| {
        let (scope, last) = (scope.clone(), last.id);
        async move { claims::list(&scope, Which::All, Some(last), PIECE).await }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"claims.csv\""),
    ];
    Ok((headers, in_pieces(HEADING, first, more, record)).into_response())
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
