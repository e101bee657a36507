//! Who asks, and whether they may: asked once per request, before any handler.

mod admin;
mod admin_browser;
mod browser;
mod code_guesses;
mod form_limits;
mod guard;
mod guesses;
mod password;
mod remembered;
mod tally;
mod told;

pub use admin::{AdminLogin, InvalidHash};
pub use browser::Browsers;
pub(crate) use browser::{Visitor, shown};
pub use code_guesses::CodeGuesses;
pub(crate) use code_guesses::Typed;
pub use form_limits::FormLimits;
pub(crate) use guard::{Caller, Shown, guard};
pub use password::{UnfitPassword, WeakPassword, fits_bcrypt, fits_new, is_common, is_short};

/// Whether agents must show a token (`LABLINK_AGENT_AUTH`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentAuth {
    Required,
    /// As in the original: anybody may speak for a VM, and read its status.
    Open,
}
