//! The pool's history, as words for pages and as JSON.

pub mod happening;
pub mod routes;
pub mod wire;
