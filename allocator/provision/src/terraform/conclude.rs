//! The end of an operation: what is written when Terraform has ended, until it is written.

use std::collections::{BTreeMap, BTreeSet};

use lablink_core::{
    DbError,
    operations::{self, Change, Lease, LeaseError, OperationId, Outcome, Stage},
    startup, state, vms,
};
use lablink_protocol::Hostname;

use super::{
    Provisioner, ProvisionerParts, Workspace,
    progress::Progress,
    provisioner::{WorkError, chain},
    settle::Settlement,
};

impl Provisioner {
    /// Writes the end of a change, with the last of its log and the rows of its VMs.
    pub(super) async fn end(
        &self,
        lease: &Lease,
        change: Change<'_>,
        outcome: &Outcome,
        progress: &mut Progress,
    ) -> Result<(), LeaseError> {
        progress.tell(lease).await?;
        state::made_by(&self.parts.db, self.parts.pool, lease.operation_id()).await?;
        let replaced = self.done_with(lease.operation_id()).await?;
        let errors = &progress.vm_errors;
        let settlement = Settlement { change, outcome, errors, replaced: &replaced };
        self.settle(lease.operation_id(), &settlement).await?;
        if matches!(change, Change::Launch(_) | Change::Replace(_)) {
            startup::provisioned(&self.parts.db, self.parts.pool, lease.operation_id()).await?;
        }
        lease.finish(outcome).await
    }

    async fn settle(&self, id: OperationId, settlement: &Settlement<'_>) -> Result<(), DbError> {
        let ProvisionerParts { db, pool, local, .. } = &self.parts;
        let after = async {
            let workspace = self.workspace().await?;
            workspace.recover().await?;
            self.state_put_right(&workspace).await
        };
        let after = match after.await {
            Ok(after) => {
                self.parts.workspace.forget_unsettled();
                after
            }
            Err(WorkError::Db(error)) => return Err(error),
            Err(error) => {
                tracing::error!(reason = chain(&error), "the state could not be read afterwards");
                let spared = match error {
                    WorkError::Doubted(doubt) => {
                        self.record(id, &doubt).await?;
                        state::existing(db, *pool).await?
                    }
                    _ => Vec::new(),
                };
                return settlement.write_blindly(db, *pool, &spared).await;
            }
        };
        // A broken VM is made anew later: what runs of it now serves nobody.
        let named = settlement.change.hostnames().iter().chain(after.hostnames());
        let unmade: BTreeSet<&Hostname> = named.filter(|it| !after.is_whole(it)).collect();
        local.end(unmade).await;
        settlement.write(db, *pool, &after).await
    }

    /// Saves a state that its backend had refused, and puts the rows right that told without it.
    pub(crate) async fn put_right(&self) {
        let workspace = &self.parts.workspace;
        if workspace.errored().is_none() && workspace.unsettled().is_none() {
            return;
        }
        let done = async {
            let workspace = self.workspace().await?;
            workspace.save_errored().await?;
            self.settle_again(&workspace).await
        };
        if let Err(error) = done.await {
            tracing::error!(reason = chain(&error), "Terraform's state is not saved yet");
        }
    }

    pub(super) async fn settle_again(&self, workspace: &Workspace) -> Result<(), WorkError> {
        let ProvisionerParts { db, pool, .. } = &self.parts;
        let Some(id) = workspace.unsettled() else { return Ok(()) };
        let operation = operations::find(db, *pool, id).await?;
        if let Some(operation) = &operation
            && let Some(change) = operation.job.change()
        {
            let state = self.state_put_right(workspace).await?;
            let (state_then, reason) = (operation.state, operation.reason.clone());
            let outcome = Outcome { state: state_then, exit_code: operation.exit_code, reason };
            let named = change.hostnames().iter();
            let whole: Vec<Hostname> = named.filter(|it| state.is_whole(it)).cloned().collect();
            vms::make_anew(db, *pool, &whole).await?;
            let replaced = self.done_with(id).await?;
            let errors = BTreeMap::new();
            Settlement { change, outcome: &outcome, errors: &errors, replaced: &replaced }
                .write(db, *pool, &state)
                .await?;
        }
        workspace.forget_unsettled();
        Ok(())
    }

    /// The VMs that an operation has done its work on.
    async fn done_with(&self, id: OperationId) -> Result<BTreeSet<Hostname>, DbError> {
        let steps = operations::steps(&self.parts.db, id).await?;
        let done = steps.into_iter().filter(|step| step.stage == Stage::Done);
        Ok(done.map(|step| step.hostname).collect())
    }
}
