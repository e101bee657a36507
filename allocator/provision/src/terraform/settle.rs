//! After a run, whatever its end: the rows tell what Terraform's state says.

use std::collections::{BTreeMap, BTreeSet};

use lablink_core::{
    Actor, Db, DbError,
    operations::{Job, OperationState, Outcome},
    pools::PoolId,
    vms,
};
use lablink_protocol::Hostname;

use super::{run::Ended, state::State};

/// What the operation's row will say. `None` when it is no longer ours to say anything.
pub(super) fn outcome(ended: &Ended) -> Option<Outcome> {
    let (state, exit_code, reason) = match ended {
        Ended::Succeeded => return Some(Outcome::succeeded()),
        Ended::Failed { exit_code, reason } => {
            (OperationState::Failed, *exit_code, reason.as_str())
        }
        Ended::Cancelled => (OperationState::Cancelled, None, "It was cancelled."),
        Ended::Interrupted => (
            OperationState::Interrupted,
            None,
            "The allocator stopped in the middle. What was done so far was kept.",
        ),
        Ended::DatabaseAway => (
            OperationState::Interrupted,
            None,
            "The database could not be reached for too long, so Terraform was stopped. What was \
             done so far was kept.",
        ),
        Ended::LeaseLost => return None,
    };
    Some(Outcome { state, exit_code, reason: Some(reason.to_owned()) })
}

/// What is to be written about the VMs of an operation.
pub(super) struct Settlement<'a> {
    pub job: &'a Job,
    pub outcome: &'a Outcome,
    /// What Terraform said of single VMs.
    pub errors: &'a BTreeMap<Hostname, String>,
    /// VMs of which Terraform said that it is done with them.
    pub replaced: &'a BTreeSet<Hostname>,
}

impl Settlement<'_> {
    /// Brings the rows in line with the state: of the VMs that the job names, and of those that
    /// are broken.
    pub async fn write(&self, db: &Db, pool: PoolId, state: &State) -> Result<(), DbError> {
        let named: BTreeSet<&Hostname> = self.job.hostnames().iter().collect();
        let mut broken: BTreeSet<&Hostname> =
            state.hostnames().filter(|it| !state.is_whole(it)).collect();
        let (there, gone): (Vec<&Hostname>, Vec<&Hostname>) =
            named.iter().partition(|it| state.contains(it));
        let cancelled = self.outcome.state == OperationState::Cancelled;
        match self.job {
            // What was never made and is no longer wanted has nothing left to show.
            Job::Launch { .. } if cancelled => {
                let gone: Vec<Hostname> = gone.into_iter().cloned().collect();
                vms::remove(db, pool, &gone, &Actor::System).await?;
                vms::fail_unmade(db, pool, &self.reasons(broken)).await
            }
            Job::Launch { .. } => {
                vms::fail_unmade(db, pool, &self.reasons(gone.into_iter().chain(broken))).await
            }
            Job::Destroy { .. } => {
                let gone: Vec<Hostname> = gone.into_iter().cloned().collect();
                vms::remove(db, pool, &gone, &Actor::System).await?;
                vms::fail_unremoved(db, pool, &self.reasons(there)).await?;
                vms::fail_unmade(db, pool, &self.reasons(broken)).await
            }
            Job::Replace { .. } => {
                let replaced = self.replaced;
                let not = named.into_iter().filter(|it| !replaced.contains(it));
                vms::fail_unreplaced(db, pool, &self.reasons(not)).await?;
                broken.retain(|it| !self.job.hostnames().contains(it));
                vms::fail_unmade(db, pool, &self.reasons(broken)).await
            }
        }
    }

    /// Without the state nobody knows what exists. The VMs of the job show that it did not end
    /// well, and a later operation finds out.
    pub async fn write_blindly(&self, db: &Db, pool: PoolId) -> Result<(), DbError> {
        let reasons = self.reasons(self.job.hostnames());
        match self.job {
            Job::Launch { .. } => vms::fail_unmade(db, pool, &reasons).await,
            Job::Destroy { .. } => vms::fail_unremoved(db, pool, &reasons).await,
            Job::Replace { .. } => vms::fail_unreplaced(db, pool, &reasons).await,
        }
    }

    fn reasons<'n>(
        &self,
        names: impl IntoIterator<Item = &'n Hostname>,
    ) -> Vec<(Hostname, String)> {
        let general = self.outcome.reason.as_deref().unwrap_or("Terraform did not say why.");
        let reason = |name| self.errors.get(name).map_or(general, String::as_str).to_owned();
        names.into_iter().map(|name| (name.clone(), reason(name))).collect()
    }
}
