//! The form with which a participant asks for a VM or for a place in line.

pub mod form;
pub mod page;
pub mod posted;
pub mod routes;
