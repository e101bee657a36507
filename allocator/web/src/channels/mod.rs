//! Channels between a participant's browser and the agent of their VM.
//!
//! ```text
//! browser ─ws▶ allocator A: open ─ row, notify ─▶ the agent's wait, at A or B
//!                  ▲                                  │
//!                  ╰── A: dial ◀─ws─ agent ──────────╯      the agent reached A
//!                  ╰── A: meet ◀─ bytes ─ B: dial ◀─ws─╯    the agent reached B
//! ```
//!
//! A relays messages one by one, so a slow end holds up the other one and nothing piles up. B copies
//! bytes, without looking at them.

pub mod agent;
mod far;
mod open;
pub mod participant;
mod relay;
mod watch;
