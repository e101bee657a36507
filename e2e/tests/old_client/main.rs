//! The original's Python client, unmodified, works with our allocator when agents need no token
//! (`LABLINK_AGENT_AUTH=open`). `make test` installs it; `LABLINK_OLD_CLIENT` names where.
//!
//! The client pauses for 20 s or a minute between its looks. Every test does so with pauses of a
//! twentieth; as it is, with real pauses and longer waits, it runs in the ignored ones:
//! `make test-old-client`.

mod desktop;
mod hand_over;
mod program;
mod reports;
mod service;
mod vm;

use anyhow::Result;

use service::Service;
use vm::{OldVm, Pace};

/// An allocator that knows nothing of a VM yet.
async fn scene(pace: Pace) -> Result<(Service, OldVm)> {
    let programs = vm::installed()?;
    let service = Service::start().await?;
    let vm = OldVm::new(&service, programs, pace)?;
    Ok((service, vm))
}
