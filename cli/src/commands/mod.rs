//! One file a command: its arguments, what it does, and what it prints.

pub mod collect;
pub mod completion;
pub mod config;
pub mod doctor;
pub mod export;
pub mod launch;
pub mod login;
pub mod logs;
pub mod operation;
pub mod stats;
pub mod status;
pub mod verify;
pub mod vms;
