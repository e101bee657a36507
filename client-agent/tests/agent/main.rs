//! The built agent against an allocator of our own making, and a script as remote desktop.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what the tests share fails as a test does")]

mod allocator;
mod claims;
mod enrolment;
mod gpu;
mod reports;
mod vm;
