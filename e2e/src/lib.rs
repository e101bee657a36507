//! What the end-to-end tests are written with: a [`Deployment`] in a folder of its own, the real
//! [`Allocator`] that serves it with an embedded Postgres, Terraform and agents, and [`Caller`]s
//! that talk to it as browsers and programs do.
//!
//! The programs are the ones in the target directory: build `lablink-allocator`, `lablink-client`
//! and, for [`lambda`], `lablink-log-forwarder` first.

mod allocator;
mod answer;
mod api;
mod aws_cloud;
mod caller;
mod cleanup;
mod deployment;
mod host_rights;
pub mod lambda;
mod machine;
mod moment;
mod patience;
mod processes;
pub mod programs;
mod terraform_state;

pub use allocator::Allocator;
pub use answer::Answer;
pub use api::{Claimed, crd_command};
pub use aws_cloud::{AwsCloud, BUCKET, OTHER_IMAGE};
pub use caller::Caller;
pub use cleanup::end_everything_in;
pub use deployment::{Deployment, free_port};
pub use machine::{Machine, Record};
pub use moment::Moment;
pub use patience::eventually;
pub use processes::{Process, processes_of};
pub use programs::start_host;
pub use terraform_state::{Condition, TerraformState};
