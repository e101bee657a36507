//! Where Terraform's state and the machines disagree on what was made, the machines are right.

use std::{collections::BTreeSet, time::Duration};

use lablink_protocol::Hostname;

use super::{
    LOCK_TIMEOUT, Provisioner, StepError, Workspace, disagreement::Wrong, state::State,
    work_error::WorkError,
};

/// Longer than it waits for the state's lock.
const CORRECTION: Duration = Duration::from_secs(45);
/// Nothing in the state has this address.
const NOTHING: &str = "terraform_data.nothing";

impl Provisioner {
    /// Reads the state, if it is to be taken for true, and corrects what a crash or a cancel in the
    /// middle of a creation left. Machines `in_doubt` may be broken as the state says.
    pub(super) async fn state_put_right(
        &self,
        workspace: &Workspace,
        in_doubt: &BTreeSet<Hostname>,
    ) -> Result<State, WorkError> {
        let state = self.take(workspace).await?;
        let Wrong { sound, unmade } =
            workspace.provider.wrong(&self.parts.scope, &state, in_doubt).await?;
        let corrections: Vec<(&str, Hostname)> = sound
            .into_iter()
            .map(|it| ("untaint", it))
            .chain(unmade.into_iter().map(|it| ("taint", it)))
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
