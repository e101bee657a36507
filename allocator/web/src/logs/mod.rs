//! Logs: of VMs, handed over in batches and read as JSON or on a page; and the allocator's own.

mod ansi;
mod batch_body;
pub mod find;
pub mod follow;
pub mod forward;
mod found;
mod level;
pub mod own;
pub mod own_page;
pub mod page;
pub mod read;
pub mod routes;
pub mod whole;

pub(crate) use batch_body::LARGEST_BATCH;
