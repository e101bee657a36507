//! The page of one claim. Its link is the right to the machine.

pub mod cookie;
pub mod desktop;
pub mod page;
pub mod routes;
