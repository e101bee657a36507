//! Launches and destroys VMs by running Terraform, one operation at a time.
//!
//! The worker leases an operation, brings the desired VMs together (what Terraform's state holds,
//! plus or minus what the operation names, never what a table counts), runs `terraform apply`
//! with its output in a file, follows that file into progress and a readable log, and afterwards
//! lets the rows tell what the state says.

mod command;
mod follow;
mod held;
mod leftovers;
mod local;
mod messages;
mod reasons;
mod run;
mod settle;
mod state;
mod variables;
mod worker;
mod workspace;

pub use command::{Program, ProgramError};
pub use local::LocalVms;
pub use variables::RuntimeVariables;
pub use worker::{Worker, WorkerParts};
pub use workspace::{Workspace, WorkspaceError};
