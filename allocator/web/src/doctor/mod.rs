//! Which layer of this deployment is broken: a page, JSON, and a page for each code.

pub mod page;
pub mod routes;
