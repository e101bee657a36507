//! The built agent against an allocator of our own making, and a script as remote desktop.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what the tests share fails as a test does")]

mod allocator;
mod claims;
mod cleaning;
mod cloud;
mod commands;
mod desktop;
mod enrolment;
mod footprint;
mod gpu;
mod lock_out;
mod logs;
mod new_token;
mod original;
mod renewal;
mod reports;
mod start;
mod throw_away;
mod vm;
