use axum::{extract::Request, http::StatusCode};

use crate::{
    AppState,
    http::{Problem, peer},
};

/// Refuses requests that a proxy of ours serves below a path, such as `https://example.org/lab/`:
/// links, redirects and cookies would lead out of it.
pub(super) fn refuse_prefix(request: &Request, state: &AppState) -> Result<(), Problem> {
    let prefix = request.headers().get("x-forwarded-prefix");
    let is_below = prefix.is_some_and(|prefix| !matches!(prefix.as_bytes(), b"" | b"/"));
    if is_below && state.settings.proxies.trusts(peer(request.extensions())) {
        return Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "path_prefix",
            "LabLink can't be served below a path. Give it a host name of its own, such as \
             lab.example.org, and let the proxy hand on every path unchanged.",
        ));
    }
    Ok(())
}
