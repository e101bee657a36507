//! After a run, whatever its end: the rows tell what Terraform's state says.

use std::collections::{BTreeMap, BTreeSet};

use lablink_core::{
    Actor, Db, DbError,
    operations::{Change, OperationState, Outcome},
    pools::PoolId,
    vms,
};
use lablink_protocol::Hostname;

use super::state::State;

/// What is to be written about the VMs of an operation.
pub(super) struct Settlement<'a> {
    pub change: Change<'a>,
    pub outcome: &'a Outcome,
    /// What Terraform said of single VMs.
    pub errors: &'a BTreeMap<Hostname, String>,
    /// VMs of which Terraform said that it is done with them.
    pub replaced: &'a BTreeSet<Hostname>,
}

impl Settlement<'_> {
    /// Brings the rows in line with the state: of the VMs that the change names, and of those that
    /// are broken.
    pub async fn write(&self, db: &Db, pool: PoolId, state: &State) -> Result<(), DbError> {
        let named: BTreeSet<&Hostname> = self.change.hostnames().iter().collect();
        let mut broken: BTreeSet<&Hostname> =
            state.hostnames().filter(|it| !state.is_whole(it)).collect();
        let (there, gone): (Vec<&Hostname>, Vec<&Hostname>) =
            named.iter().partition(|it| state.contains(it));
        let cancelled = self.outcome.state == OperationState::Cancelled;
        match self.change {
            // What was never made and is no longer wanted has nothing left to show.
            Change::Launch(_) if cancelled => {
                let gone: Vec<Hostname> = gone.into_iter().cloned().collect();
                vms::remove(db, pool, &gone, &Actor::System).await?;
                vms::fail_unmade(db, pool, &self.reasons(broken)).await
            }
            Change::Launch(_) => {
                vms::fail_unmade(db, pool, &self.reasons(gone.into_iter().chain(broken))).await
            }
            Change::Destroy(_) => {
                let gone: Vec<Hostname> = gone.into_iter().cloned().collect();
                vms::remove(db, pool, &gone, &Actor::System).await?;
                vms::fail_unremoved(db, pool, &self.reasons(there)).await?;
                vms::fail_unmade(db, pool, &self.reasons(broken)).await
            }
            Change::Replace(_) => {
                let replaced = self.replaced;
                let not = named.into_iter().filter(|it| !replaced.contains(it));
                vms::fail_unreplaced(db, pool, &self.reasons(not)).await?;
                broken.retain(|it| !self.change.hostnames().contains(it));
                vms::fail_unmade(db, pool, &self.reasons(broken)).await
            }
        }
    }

    /// Without the state nobody knows what exists. The VMs of the change show that it did not end
    /// well, and a later operation finds out. Those in `spared` exist, and are as they were.
    pub async fn write_blindly(
        &self,
        db: &Db,
        pool: PoolId,
        spared: &[Hostname],
    ) -> Result<(), DbError> {
        let (spared, others): (Vec<Hostname>, Vec<Hostname>) =
            self.change.hostnames().iter().cloned().partition(|it| spared.contains(it));
        vms::stay(db, pool, &spared).await?;
        let reasons = self.reasons(&others);
        match self.change {
            Change::Launch(_) => vms::fail_unmade(db, pool, &reasons).await,
            Change::Destroy(_) => vms::fail_unremoved(db, pool, &reasons).await,
            Change::Replace(_) => vms::fail_unreplaced(db, pool, &reasons).await,
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
