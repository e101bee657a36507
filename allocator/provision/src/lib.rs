//! The subprocesses that make and reach VMs: Terraform, the processes of local VMs, SSH; and the
//! worker that carries out operations with them.

pub mod collect;
mod last_words;
pub mod ssh;
pub mod terraform;
pub mod worker;
