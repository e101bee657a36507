//! The page of one claim: whoever has its link has the machine.

pub mod cookie;
pub mod page;
pub mod routes;
