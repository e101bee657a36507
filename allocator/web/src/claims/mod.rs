//! The page of one claim: whoever has its link has the machine.

pub mod page;
pub mod routes;
