//! Where Terraform's state and the machines disagree on what was made, the machines are right.

use std::time::Duration;

use lablink_core::vms;
use lablink_protocol::Hostname;

use super::{
    LOCK_TIMEOUT, Provisioner, StepError, Workspace, provisioner::WorkError, state::State,
};

/// Longer than it waits for the state's lock.
const CORRECTION: Duration = Duration::from_secs(45);
/// Nothing in the state has this address.
const NOTHING: &str = "terraform_data.nothing";

impl Provisioner {
    /// Reads the state, if it is to be taken for true, and corrects what a crash or a cancel in the
    /// middle of a creation left:
    ///
    /// - A VM is tainted, but its agent has reported that it runs: all that matters was done. The
    ///   next apply would make it anew, and take it from a participant who has claimed it since.
    /// - A VM counts as whole, but its machine was never finished: Terraform writes a resource down
    ///   before the commands that make its machine have run, so after a power cut in between
    ///   there is nothing to run, and Terraform does not know it.
    pub(super) async fn state_put_right(&self, workspace: &Workspace) -> Result<State, WorkError> {
        let state = self.take(workspace).await?;
        let (whole, broken): (Vec<Hostname>, Vec<Hostname>) =
            state.hostnames().cloned().partition(|it| state.is_whole(it));
        let working = vms::running_among(&self.parts.scope, &broken).await?;
        let unmade = whole.into_iter().filter(|it| !self.parts.local.is_made(it));
        let corrections: Vec<(&str, Hostname)> = working
            .into_iter()
            .map(|it| ("untaint", it))
            .chain(unmade.map(|it| ("taint", it)))
            .collect();
        for (verb, hostname) in &corrections {
            let Some(address) = state.address(hostname) else { continue };
            tracing::info!(vm.hostname = %hostname, verb, "its creation was cut off");
            let arguments = [verb, "-no-color", LOCK_TIMEOUT, address];
            workspace.step(CORRECTION, &arguments).run().await?;
        }
        if corrections.is_empty() { Ok(state) } else { self.take(workspace).await }
    }
}

impl Workspace {
    /// Takes the state's lock for a moment, and changes nothing.
    pub(super) async fn try_lock(&self) -> Result<(), StepError> {
        let arguments = ["untaint", "-allow-missing", "-no-color", LOCK_TIMEOUT, NOTHING];
        self.step(CORRECTION, &arguments).run().await.map(drop)
    }
}
