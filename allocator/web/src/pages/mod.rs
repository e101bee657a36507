//! LabLink's pages: one typed struct per page, rendered by the template of its name.
//!
//! The structs are plain owned data. Handlers fill them; nothing here reads a database or knows
//! of requests. Everything that people and VMs send is escaped by the templates.

mod admin;
pub mod assets;
mod claim;
mod destroy;
mod error;
mod instances;
mod launch;
mod log;
mod moment;
mod operation;
mod operations;
mod own_log;
mod request;
mod tone;

pub use admin::{AdminPage, Happening, PoolCounts};
pub use claim::{ClaimEnd, ClaimPage, ClaimState, CommandForm, Connection};
pub use destroy::{DestroyPage, DestroyRow, Holder};
pub use error::ErrorPage;
pub use instances::{Activity, Gpu, InstanceClaim, InstanceRow, InstancesPage, VmState};
pub use launch::LaunchPage;
pub use log::{LogLines, LogPage, LogPart};
pub use operation::{LogLevel, LogLine, OperationPage, OperationVm, StepState};
pub use operations::{OperationKind, OperationState, OperationSummary, OperationsPage};
pub use own_log::{OwnLogLine, OwnLogPage};
pub use request::{RequestField, RequestPage, RequestProblem};
pub use tone::Tone;
