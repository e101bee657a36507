//! Participants' results: collected, listed, downloaded, discarded.

pub mod archive;
pub mod collections;
pub mod form;
pub mod page;
pub mod routes;
pub mod scp_client;
pub mod wire;
