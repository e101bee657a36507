//! What becomes of a machine that was used.

use lablink_core::{pools::AfterUse, vms::Vm};
use lablink_protocol::Cleaning;

use super::source::is_made;

/// What becomes of a machine when its participant is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// A fresh one takes its place.
    Replaced,
    Cleaned,
    /// It waits for the organiser.
    Held,
    /// It goes back to the pool as it is.
    Reused,
}

impl Afterwards {
    pub fn of(vm: &Vm, rule: AfterUse) -> Self {
        match rule {
            _ if is_made(vm.source) => Self::Replaced,
            AfterUse::Reuse => Self::Reused,
            AfterUse::Clean if cleaning(vm) == Some(Cleaning::Possible) => Self::Cleaned,
            AfterUse::Clean | AfterUse::Hold => Self::Held,
        }
    }
}

/// What its agent said last; none of one that knows nothing of cleaning.
pub fn cleaning(vm: &Vm) -> Option<Cleaning> {
    serde_json::from_value(vm.vitals.as_ref()?.get("cleaning")?.clone()).ok()
}
