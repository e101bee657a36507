//! Participants' results: the files with one ending, from every VM, in one archive.
//!
//! A collection is an operation like any other, so it never runs beside one that makes or removes
//! VMs; its archive is kept for a while. A program may also have an archive at once, with no
//! operation and nothing kept: [`Collector`].

mod choose;
mod collect;
mod collector;
mod hand_over;
mod kept;
mod list;
mod on_skipped;
mod record;
mod retention;

pub(crate) use choose::chosen;
pub use choose::{ChooseError, choose};
pub use collect::{Collect, collect, collect_and_destroy};
pub use collector::{Archive, CollectError, Collector, Wish};
pub use hand_over::{discarded, streamed, taken};
pub use kept::kept_collected;
pub use list::{Collection, KeptArchive, find, last_whole, list};
pub use on_skipped::OnSkipped;
pub(crate) use record::left;
pub use record::{Collected, Kept, record};
pub use retention::{Retention, beyond};
