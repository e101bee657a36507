//! What VMs write: lines, appended in batches, read by id, dropped when they are old or too many.
//!
//! Nothing here notifies: viewers ask for what comes after the last id that they have. A batch
//! takes its VM's lock before its ids, so ids of one VM become visible in their order, and a reader
//! that asks by id misses none.

mod append;
mod batch;
mod dropped;
mod from_aws;
mod read;
mod retention;
mod text;

pub use append::append;
pub use batch::{Batch, LogMessage};
pub use dropped::{Dropped, dropped};
pub use from_aws::FromAws;
pub use read::{Line, Place, Query, last_id, read};
pub use retention::{Retention, sweep};
