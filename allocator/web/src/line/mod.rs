//! The waiting line: its pages for those who stand in it, and what organisers do with it.

pub mod clear_page;
pub mod page;
pub mod place_row;
pub mod places;
pub mod routes;
pub mod wire;
