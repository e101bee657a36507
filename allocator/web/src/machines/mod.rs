//! Machines that somebody already has: into the pool, and how an agent gets there.

pub mod page;
pub mod routes;
pub mod ssh;
