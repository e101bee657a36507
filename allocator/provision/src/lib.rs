//! Every subprocess of the allocator: Terraform and the processes of local VMs, and the embedded
//! Postgres.

pub mod postgres;
pub mod terraform;
