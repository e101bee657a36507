//! The allocator's HTTP face.
//!
//! `connections` takes what comes, and bounds it. `router` lists every path and who may use it. A
//! request passes `http` (its id, the security headers, errors as a page or as JSON), then `auth`
//! (who asks, and whether they may; what a VM may ask for says `agents`), then one handler of
//! `routes`, which calls one function of the core and fills a page or a wire type.

mod agents;
mod auth;
mod connections;
mod http;
pub mod metrics;
mod openapi;
mod own_log;
pub mod pages;
mod router;
mod routes;
mod sha256_sum;
mod state;
mod transfers;
mod waits;
mod wire;

pub use agents::{AgentBudgets, AgentLimits};
pub use auth::{
    AdminLogin, AgentAuth, Browsers, CodeGuesses, FormLimits, InvalidHash, UnfitPassword,
    WeakPassword, fits_bcrypt, fits_new, is_common, is_short,
};
pub use connections::{Bounds, ConnectionLimits, Patience, listen, serve};
pub use http::{Proxies, ProxyHeader};
pub use openapi::document as openapi;
pub use own_log::{OwnLog, OwnLogEntry};
pub use router::{access_table, router};
pub use sha256_sum::{InvalidSum, Sha256Sum};
pub use state::{AgentInstall, AgentProgram, AppState, FromAws, Settings};
pub use transfers::Transfers;
pub use waits::Waits;
