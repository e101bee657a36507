//! The cookie by which a browser finds its claim or place again.

use axum_extra::extract::cookie::{Cookie, SameSite};
use lablink_core::Token;

use crate::http::Scheme;

/// Holds the token of the claim that this browser made.
pub const COOKIE: &str = "lablink_claim";

pub fn cookie(link: &Token, scheme: Scheme) -> Cookie<'static> {
    Cookie::build((COOKIE, link.reveal().to_owned()))
        .path("/")
        .http_only(true)
        .secure(scheme == Scheme::Https)
        .same_site(SameSite::Lax)
        .build()
}
