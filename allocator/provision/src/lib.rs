//! Every subprocess of the allocator: Terraform and the processes of local VMs, and the embedded
//! Postgres; and the worker that carries out operations with them.

pub mod collect;
mod last_words;
pub mod postgres;
pub mod terraform;
pub mod worker;
