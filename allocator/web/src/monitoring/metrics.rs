use axum::{
    extract::State,
    http::{
        HeaderMap,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use lablink_core::{Token, TokenHash, operations, vms};

use crate::{AppState, auth::Caller, http::Problem, metrics::Snapshot};

/// Everything that is counted, in Prometheus' text form. Public, unless a token is asked for.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/plain", body = String)))]
pub async fn metrics(
    State(state): State<AppState>,
    Caller(scope): Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if state.settings.metrics_token.is_some_and(|wanted| presented(&headers) != Some(wanted)) {
        return Err(Problem::unauthorized());
    }
    Snapshot {
        vms: vms::counts(&scope).await?,
        operations: operations::counts(&scope).await?,
        waiters: state.hub.waiters(),
        channels: state.channels.count(),
        connections: state.db.connections(),
        tasks: state.tasks.tasks(),
        aws: state.aws.standing(),
    }
    .record();
    let text = state.metrics.render();
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

fn presented(headers: &HeaderMap) -> Option<TokenHash> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Token::presented(token.trim()).hash())
}
