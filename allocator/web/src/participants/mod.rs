//! Who has which VM, who waits, and who asks to get back in: for organisers.

pub mod page;
pub mod routes;
pub mod way_in;
pub mod way_in_page;
