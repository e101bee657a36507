//! The subprocesses that make and reach VMs: Terraform, the processes of local VMs, SSH; and the
//! runners of operations that need them.

pub mod collect;
mod last_words;
pub mod ssh;
pub mod terraform;
