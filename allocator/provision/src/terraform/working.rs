//! A VM that works stays, whatever Terraform thinks of how it was made.

use lablink_core::vms;
use lablink_protocol::Hostname;

use super::{
    Provisioner, Workspace,
    provisioner::WorkError,
    state::{State, StateError},
};

impl Provisioner {
    /// Reads the state, and clears the taint of VMs whose agent has reported that it runs. Their
    /// creation was cut off, by a crash or a cancel, after all that matters was done: the next
    /// apply would make them anew under whoever has claimed them since.
    pub(super) async fn state_sparing_the_working(
        &self,
        workspace: &Workspace,
    ) -> Result<State, WorkError> {
        let state = State::pull(workspace).await?;
        let broken: Vec<Hostname> =
            state.hostnames().filter(|it| !state.is_whole(it)).cloned().collect();
        if broken.is_empty() {
            return Ok(state);
        }
        let working = vms::running_among(&self.parts.db, self.parts.pool, &broken).await?;
        for hostname in &working {
            let Some(address) = state.address(hostname) else { continue };
            tracing::info!(machine.hostname = %hostname, "its creation was cut off, but it works: keeping it");
            let untaint = ["untaint", "-no-color", "-lock-timeout=30s", address];
            let output = workspace.command().args(untaint).output().await?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(StateError::Refused(said).into());
            }
        }
        if working.is_empty() { Ok(state) } else { Ok(State::pull(workspace).await?) }
    }
}
