//! Every subprocess of the allocator, and nothing else: the embedded Postgres.

pub mod postgres;
pub mod terraform;
