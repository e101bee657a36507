//! Every subprocess of the allocator: Terraform and the processes of local VMs, and the embedded
//! Postgres; and the runners of operations that need them.

pub mod collect;
mod last_words;
pub mod postgres;
pub mod terraform;
