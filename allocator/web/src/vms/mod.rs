//! The pool's VMs: the list, one VM's page, what an organiser does to one or many of them.

pub mod api;
pub mod confirm_page;
pub mod destroy;
pub mod destroy_page;
pub mod instances;
pub mod instances_page;
pub mod launch;
pub mod launch_page;
pub mod list_bar;
pub mod listing;
pub mod preflight;
pub mod statuses;
pub mod vm;
pub mod vm_page;
pub mod wire;
