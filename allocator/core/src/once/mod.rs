//! A wish that is sent twice, as by a double click, a reload or after a lost answer, is granted
//! once.
//!
//! Whoever begins something may send a random [`Key`] along. The first statement of the transaction
//! that begins it writes the key, the last one what came of it. The same key again waits for that
//! transaction, in whichever allocator it runs, and is told the same. A transaction that fails takes
//! the key back with everything else, so the next try with that key is the first.

mod asker;
mod key;
mod retention;

pub use asker::Asker;
pub(crate) use asker::Sent;
pub use key::{Key, Once};
pub use retention::forget_old;
