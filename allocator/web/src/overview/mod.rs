//! The organisers' first page: the pool at a glance.

pub mod api;
pub mod page;
pub mod routes;
pub mod usage;
