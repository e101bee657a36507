//! The allocator's HTTP face.
//!
//! `connections` takes what comes, and bounds it. `router` lists every path and who may use it. A request passes `http` (its id, the security
//! headers, errors as a page or as JSON), then `auth` (who asks, and whether they may), then one
//! handler of `routes`, which calls one function of the core and fills a page or a wire type.

mod auth;
mod connections;
mod http;
pub mod metrics;
mod openapi;
mod own_log;
pub mod pages;
mod router;
mod routes;
mod state;
mod waits;
mod wire;

pub use auth::{AdminLogin, AgentAuth, FormLimits, InvalidHash, UnfitPassword, fits_bcrypt};
pub use connections::{Bounds, ConnectionLimits, Patience, listen, serve};
pub use http::{Proxies, ProxyHeader};
pub use openapi::document as openapi;
pub use own_log::{OwnLog, OwnLogEntry};
pub use router::{access_table, begins_table, router};
pub use state::{AgentInstall, AppState, Settings};
pub use waits::Waits;
