//! Launches and destroys VMs by running Terraform.
//!
//! The provisioner brings the desired VMs together (what Terraform's state holds,
//! plus or minus what the operation names, never what a table counts), runs `terraform apply`
//! with its output in a file, follows that file into progress and a readable log, and afterwards
//! lets the rows tell what the state says. A state that can't be true stops it before it changes
//! anything.

mod aws;
mod backend;
mod change;
mod command;
mod conclude;
mod credentials;
mod disagreement;
mod follow;
mod idle;
mod leftovers;
mod local;
mod look;
mod message;
mod notes;
mod number;
mod plan;
mod plan_first;
mod process;
mod progress;
mod provider;
mod providers;
mod provisioner;
mod put_off;
mod reasons;
mod reboot;
mod recover;
mod resume;
mod run;
mod settle;
mod solve;
mod ssh_access;
mod state;
mod step;
mod stray;
mod sweep;
mod take_over;
mod unnoted;
mod variables;
mod work;
mod work_error;
mod working;
mod workspace;

pub use aws::{AwsVms, Instances, Spot, StartupScript};
pub use backend::Backend;
pub use command::{Program, ProgramError};
pub use idle::CaughtUp;
pub use local::LocalVms;
pub use provider::Provider;
pub use providers::{ProvidersError, provider_cache};
pub use provisioner::{Provisioner, ProvisionerParts};
pub use reboot::Reboots;
pub(crate) use ssh_access::CloudAccess;
pub use step::StepError;
pub use variables::RuntimeVariables;
pub use workspace::{Workspace, WorkspaceError};

/// How long Terraform waits for the state's lock. The operation then waits in the queue.
const LOCK_TIMEOUT: &str = "-lock-timeout=10s";
