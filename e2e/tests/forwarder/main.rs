//! The log forwarder's program, called as Lambda calls it, before an allocator that does as it is
//! told, AWS as moto plays it, and the real allocator.

mod allocator;
mod delivery;
mod failures;
mod moto;
mod payloads;
mod real_allocator;
mod secrets;
mod store;
