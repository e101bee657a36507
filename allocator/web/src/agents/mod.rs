//! What agents call: enrolment, heartbeats, the wait for a claim, reports; and what a machine that is
//! registered by hand installs.

pub mod api;
pub mod install;
pub mod installer;
pub mod named;
pub mod reports;
pub mod vm_metrics;
pub mod wait;
