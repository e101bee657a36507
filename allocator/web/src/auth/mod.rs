//! Who asks, and whether they may: asked once per request, before any handler.

mod admin;
mod form_limits;
mod guard;
mod password;

pub use admin::{AdminLogin, InvalidHash};
pub use form_limits::FormLimits;
pub(crate) use guard::{Caller, Shown, guard};
pub use password::{UnfitPassword, fits_bcrypt};

/// Whether agents must show a token (`LABLINK_AGENT_AUTH`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentAuth {
    Required,
    /// As in the original: anybody may speak for a VM, and read its status.
    Open,
}
