//! Identifies the caller and decides whether they may, once per request, before any handler.

mod admin_browser;
mod asking;
mod guard;

pub(crate) use asking::Asking;
pub(crate) use guard::{Caller, PresentedToken, guard};
