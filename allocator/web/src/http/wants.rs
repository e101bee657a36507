use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::ACCEPT, request::Parts},
};

/// What the caller wants to read, by `Accept`: a browser names `text/html`, programs don't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    Page,
    Json,
}

impl Wants {
    pub fn of(headers: &HeaderMap) -> Self {
        let html = |value: &str| value.to_ascii_lowercase().contains("text/html");
        let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        if accepted.any(html) { Self::Page } else { Self::Json }
    }
}

impl<S: Sync> FromRequestParts<S> for Wants {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}
