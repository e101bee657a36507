//! The address by which callers reach this allocator.

use super::{Client, Scheme};
use crate::AppState;

pub fn scheme(origin: &str) -> Scheme {
    if origin.starts_with("https:") { Scheme::Https } else { Scheme::Http }
}

/// Where the caller reaches us: as configured, else as it called us.
pub fn origin(state: &AppState, client: &Client) -> String {
    let scheme = match client.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let called = || client.host.as_ref().map(|host| format!("{scheme}://{host}"));
    state.settings.public_url.clone().or_else(called).unwrap_or_default()
}
