use axum::{extract::FromRequestParts, http::request::Parts};
use lablink_protocol::Hostname;

use super::Problem;

/// The VM that a path names with `{hostname}`, as the guard has read it.
#[derive(Clone)]
pub(crate) struct VmName(pub Hostname);

impl VmName {
    /// There is no VM of that name, or it can't be one. In the original's words.
    pub fn unknown() -> Problem {
        Problem::not_found("VM not found.")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for VmName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Self::unknown)
    }
}
