//! Operations: the list, the live page, and what an organiser does with one.

pub mod conflict;
pub mod conflict_page;
pub mod filled;
pub mod find;
pub mod list_page;
pub mod page;
pub mod routes;
pub mod started;
pub mod summary;
mod waited;
pub mod wire;
