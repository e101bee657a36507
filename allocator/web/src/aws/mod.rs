//! The AWS credentials that an organiser types, and what AWS says of them.

pub mod page;
pub mod routes;
