//! The log forwarder's program, called as Lambda calls it, before an allocator that does as it is
//! told, AWS as moto plays it, and the real allocator.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that can't go on fails, and the long one tells its figures"
)]

mod allocator;
mod delivery;
mod failures;
mod moto;
mod payloads;
mod real_allocator;
mod secrets;
mod store;
