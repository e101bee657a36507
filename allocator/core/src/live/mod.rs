//! How one process learns at once what changed, wherever it was changed.
//!
//! A change notifies Postgres inside its own transaction; one LISTEN connection per process hears
//! it and wakes whoever waits for that topic in memory. A wake-up says only *look again*: the rows
//! are the truth. So a waiter subscribes first, then reads, then waits, and misses nothing; and
//! when the connection was lost, everybody looks again.

mod hub;
mod listener;

pub use hub::{Hub, Subscription, Topic};
pub use listener::listen;

/// Channels of NOTIFY. The payload of the first is a hostname, of the second an operation's id, of
/// the third a pool's.
pub(crate) const VM_CHANGED: &str = "vm_changed";
pub(crate) const OPERATION_CHANGED: &str = "operation_changed";
pub(crate) const LINE_CHANGED: &str = "line_changed";
