//! The pool's history, as words for pages and as JSON.

pub mod routes;
pub mod wire;
