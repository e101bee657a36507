use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode},
    response::Response,
};
use tracing::Span;

use crate::metrics;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request that is being answered. Its line in the log holds the matched route and never the
/// path: a path can hold a claim's secret link.
pub(super) struct RequestTrace {
    /// Names it in logs, errors and the `X-Request-Id` header.
    pub id: String,
    pub span: Span,
    method: Method,
    route: String,
    started: Instant,
}

impl RequestTrace {
    /// Gives the request its id: the caller's own, if it is a plain word.
    pub fn begin(request: &Request) -> Self {
        let given = request.headers().get(&X_REQUEST_ID).and_then(|value| value.to_str().ok());
        let id = given.filter(|id| is_plain(id)).map_or_else(fresh, str::to_owned);
        Self {
            span: tracing::info_span!("request", request_id = id),
            id,
            method: request.method().clone(),
            route: request.extensions().get().map_or("unmatched", MatchedPath::as_str).to_owned(),
            started: Instant::now(),
        }
    }

    pub fn end(self, response: &mut Response) {
        let Self { id, span, method, route, started } = self;
        let (status, duration) = (response.status().as_u16(), started.elapsed());
        metrics::answered(&method, &route, status, duration);
        let duration_ms = duration.as_millis();
        let is_refused = response.status().is_client_error() || response.status().is_server_error();
        // People who were refused report the id that they were shown. Callers that are told to ask
        // less often are left out: they would fill the log.
        if is_refused && response.status() != StatusCode::TOO_MANY_REQUESTS {
            tracing::info!(parent: &span, %method, route, status, duration_ms, "refused");
        } else {
            tracing::debug!(parent: &span, %method, route, status, duration_ms, "answered");
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(X_REQUEST_ID, value);
        }
    }
}

fn is_plain(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn fresh() -> String {
    format!("{:016x}", rand::random::<u64>())
}
