//! Channels: byte streams between a browser and a machine's agent, which dials out for each.
//!
//! The allocator that has the browser asks for one by a row, which wakes the agent's wait wherever
//! that is. The agent dials some allocator, which takes the row: it names the holder, and carries the
//! secret that the holder expects. The row is gone then, so a channel is dialled once.

mod address;
mod ask;
mod offer;
mod right;
mod take;

pub use address::seen_from;
pub use ask::{Asked, NewChannel, ask, remind, tell, withdraw};
pub(crate) use offer::announced;
pub use right::{Right, right};
pub use take::{Held, take};
