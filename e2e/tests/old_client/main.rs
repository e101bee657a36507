//! The original's Python client, unmodified, works with our allocator when agents need no token
//! (`LABLINK_AGENT_AUTH=open`). `scripts/old-client-venv` installs it, `LABLINK_OLD_CLIENT` names
//! where.
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

/// An allocator that knows nothing of a VM yet. `None` where the client is not asked for.
async fn scene(pace: Pace) -> Result<Option<(Service, OldVm)>> {
    let Some(programs) = vm::installed()? else { return Ok(None) };
    let service = Service::start().await?;
    let vm = OldVm::new(&service, programs, pace)?;
    Ok(Some((service, vm)))
}
