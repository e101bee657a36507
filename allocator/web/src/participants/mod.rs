//! The participants, for organisers: claims, the waiting line, and people who ask to get back in.

pub mod csv;
pub mod list;
pub mod page;
pub mod routes;
pub mod way_in;
pub mod way_in_page;
