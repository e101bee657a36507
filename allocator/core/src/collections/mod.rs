//! Participants' results: the files with one ending, from every VM, in one archive.
//!
//! A collection is an operation like any other, so it never runs beside one that makes or removes
//! VMs; its archive is kept for a while. A program may also have an archive at once, with no
//! operation and nothing kept: [`Collector`].

mod collector;
mod extension;
mod record;

pub use collector::{Archive, CollectError, Collector, Wish};
pub use extension::{Extension, InvalidExtension};
pub(crate) use record::left;
pub use record::{Collected, Kept, record};
