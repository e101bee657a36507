//! A VM's log: handed over in batches, read whole, by page or as it grows (contract §1.10, §1.11).

use axum::extract::rejection::QueryRejection;
use lablink_core::{
    Scope,
    vms::{self, Vm},
};
use lablink_protocol::Hostname;

use crate::http::{Problem, VmName};

/// The VM that a path names.
pub async fn find(scope: &Scope, hostname: &Hostname) -> Result<Vm, Problem> {
    vms::find(scope, hostname).await?.ok_or_else(VmName::unknown)
}

/// Says what is wrong with a URL's parameters.
pub fn bad_query(rejection: &QueryRejection) -> Problem {
    Problem::invalid(rejection.body_text())
}
