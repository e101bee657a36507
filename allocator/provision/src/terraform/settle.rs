//! After a run, whatever its end: the rows tell what Terraform's state says.

use std::collections::{BTreeMap, BTreeSet};

use lablink_core::{
    DbError, Scope,
    operations::{OperationId, OperationState, Outcome, Standing, Target},
    vms::{self, Unmet, VmId},
};
use lablink_protocol::Hostname;

use super::{change::Change, state::State};

/// What is to be written about the VMs of an operation.
pub(super) struct Settlement<'a> {
    pub id: OperationId,
    pub change: &'a Change,
    pub targets: &'a [Target],
    pub outcome: &'a Outcome,
    /// What Terraform said of single VMs.
    pub errors: &'a BTreeMap<Hostname, String>,
    /// VMs of which Terraform said that it is done with them.
    pub done: &'a BTreeSet<Hostname>,
}

impl Settlement<'_> {
    /// Brings the rows in line with the state: of the VMs that the operation worked on, and of
    /// those that are broken.
    pub async fn write(&self, scope: &Scope, state: &State) -> Result<(), DbError> {
        let (there, gone): (Vec<&Target>, Vec<&Target>) =
            self.worked_on().partition(|it| state.contains(&it.hostname));
        match self.change {
            // What was never made and is no longer wanted has nothing left to show.
            Change::Launch(_) if self.outcome.state == OperationState::Cancelled => {
                vms::remove(scope, &ids(&gone)).await?;
            }
            Change::Launch(_) => vms::fail(scope, &self.reasons(gone)).await?,
            Change::Destroy(_) => {
                vms::remove(scope, &ids(&gone)).await?;
                vms::note_undone(scope, &self.reasons(there)).await?;
            }
            Change::Replace(_) => self.write_unreplaced(scope).await?,
        }
        self.write_broken(scope, state).await
    }

    /// Nothing was done yet: what exists is as it was.
    pub async fn write_unbegun(&self, scope: &Scope) -> Result<(), DbError> {
        if matches!(self.change, Change::Launch(_))
            && self.outcome.state == OperationState::Cancelled
        {
            return vms::unplan(scope, self.id).await;
        }
        self.write_blindly(scope).await
    }

    /// Without the state nobody knows what exists. The VMs of the change show that it did not end
    /// well, and a later operation finds out.
    pub async fn write_blindly(&self, scope: &Scope) -> Result<(), DbError> {
        match self.change {
            Change::Launch(_) => {
                let unmade = self.worked_on().filter(|it| !self.done.contains(&it.hostname));
                vms::doubt(scope, &self.reasons(unmade)).await
            }
            Change::Destroy(_) => vms::note_undone(scope, &self.reasons(self.worked_on())).await,
            Change::Replace(_) => {
                let (untouched, begun) = self.unreplaced();
                vms::note_undone(scope, &self.reasons(untouched)).await?;
                vms::doubt(scope, &self.reasons(begun)).await
            }
        }
    }

    /// A machine that was not touched stays as it was. It is not known what is left of any other.
    async fn write_unreplaced(&self, scope: &Scope) -> Result<(), DbError> {
        let (untouched, begun) = self.unreplaced();
        vms::note_undone(scope, &self.reasons(untouched)).await?;
        vms::fail(scope, &self.reasons(begun)).await
    }

    /// VMs that were to be replaced and were not: those that are the old ones, and those of which
    /// the new ones were begun.
    fn unreplaced(&self) -> (Vec<&Target>, Vec<&Target>) {
        let not_done = self.worked_on().filter(|it| !self.done.contains(&it.hostname));
        not_done.partition(|it| it.standing == Standing::Included)
    }

    /// What is in the state, but not whole.
    async fn write_broken(&self, scope: &Scope, state: &State) -> Result<(), DbError> {
        let replaced = matches!(self.change, Change::Replace(_));
        let told = |name: &Hostname| replaced && self.targets.iter().any(|it| it.hostname == *name);
        let broken = state.hostnames().filter(|it| !state.is_whole(it) && !told(it));
        let broken: Vec<Hostname> = broken.cloned().collect();
        if broken.is_empty() {
            return Ok(());
        }
        let rows = vms::present(scope, &broken).await?;
        let unmet = rows.iter().map(|(name, id)| (*id, self.reason(name)));
        vms::fail(scope, &unmet.collect::<Vec<Unmet>>()).await
    }

    /// VMs that Terraform failed to make. One that it was told to leave half made may be whole.
    pub fn broken(&self) -> BTreeSet<Hostname> {
        match self.outcome.state {
            OperationState::Failed => self.errors.keys().cloned().collect(),
            _ => BTreeSet::new(),
        }
    }

    fn worked_on(&self) -> impl Iterator<Item = &Target> {
        let worked_on =
            |it: &&Target| matches!(it.standing, Standing::Included | Standing::Replaced);
        self.targets.iter().filter(worked_on)
    }

    fn reasons<'t>(&self, targets: impl IntoIterator<Item = &'t Target>) -> Vec<Unmet> {
        targets.into_iter().map(|it| (it.vm_id, self.reason(&it.hostname))).collect()
    }

    fn reason(&self, hostname: &Hostname) -> String {
        let general = self.outcome.reason.as_deref().unwrap_or("Terraform did not say why.");
        self.errors.get(hostname).map_or(general, String::as_str).to_owned()
    }
}

fn ids(targets: &[&Target]) -> Vec<VmId> {
    targets.iter().map(|it| it.vm_id).collect()
}
