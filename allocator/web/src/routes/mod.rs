//! One file per group of paths. A handler reads its input, calls the core, and fills a page from
//! [`crate::pages`] or a wire type.

pub mod agent;
pub mod assets;
pub mod aws;
pub mod changes;
pub mod claim;
pub mod collections;
pub mod destroy;
pub mod events;
pub mod health;
pub mod history;
pub mod home;
pub mod install;
pub mod instances;
pub mod launch;
pub mod line;
pub mod log_page;
pub mod machines;
pub mod metrics;
mod moment;
mod named;
pub mod operations;
pub mod overview;
pub mod own_log;
pub mod participants;
pub mod reports;
pub mod results;
pub mod scp_client;
pub mod statuses;
mod timeline;
mod trouble;
mod used;
pub mod vm;
pub mod vm_logs;
pub mod vm_metrics;
pub mod vms;
pub mod wait;
