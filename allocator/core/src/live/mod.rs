//! How each process learns at once of changes, whichever process made them.
//!
//! A change notifies Postgres inside its own transaction; one LISTEN connection per process hears
//! it and wakes those who wait for that topic in memory. A wake-up says only *look again*: the rows
//! are the truth. So a waiter subscribes first, then reads, then waits, and misses nothing; and
//! when the connection was lost, everybody looks again.

mod ear;
mod echo;
mod hub;
mod listener;

pub use echo::{EchoError, echoes};
pub use hub::{Hub, Subscription, Topic};
pub use listener::listen;

use ear::Ear;

/// Channels of NOTIFY. The payload of the first is a hostname, of the second an operation's id, of
/// the others a pool's. They are sent by [`crate::events`].
const VM_CHANGED: &str = "vm_changed";
const OPERATION_CHANGED: &str = "operation_changed";
const LINE_CHANGED: &str = "line_changed";
/// The queue of operations.
const QUEUE_CHANGED: &str = "queue_changed";
/// Anything.
const POOL_CHANGED: &str = "pool_changed";

const CHANNELS: [&str; 5] =
    [VM_CHANGED, OPERATION_CHANGED, LINE_CHANGED, QUEUE_CHANGED, POOL_CHANGED];
