//! The end of an operation: what is written when Terraform has ended, until it is written.

use std::collections::{BTreeMap, BTreeSet};

use lablink_core::{
    DbError, chain,
    operations::{self, LeaseError, OperationId, OperationState, Outcome, Stage},
    startup, state, vms,
    worker::{Limit, Turn},
};
use lablink_protocol::Hostname;
use tokio::time::timeout;

use super::{
    Provisioner, ProvisionerParts, Workspace, change::Change, run::Ran, settle::Settlement,
    work_error::WorkError,
};

impl Provisioner {
    /// Writes what belongs to the end of a change: the last of its log, and the rows of its VMs.
    pub(super) async fn conclude(
        &self,
        turn: &Turn,
        change: &Change,
        outcome: &Outcome,
        ran: &mut Ran,
    ) -> Result<(), LeaseError> {
        // A program that is killed has no exit code. Of an abandoned one, the lease has run out since.
        let was_killed = outcome.state == OperationState::Failed && outcome.exit_code.is_none();
        if ran.applied && was_killed {
            // What it asked for in its last moment is shown to nobody yet.
            let echo = self.parts.workspace.provider.patience().echo;
            let _reached = timeout(echo, turn.end_limit().reached()).await;
        }
        let (lease, limit) = (&turn.lease, turn.end_limit());
        ran.progress.tell(lease).await?;
        let id = lease.operation_id();
        if let Some(doubt) = &ran.doubt {
            self.record(id, doubt).await?;
        }
        state::made_by(&self.parts.scope, id).await?;
        let targets = operations::targets(&self.parts.scope.db, id).await?;
        let Ends { done, mut errors } = self.ends(id).await?;
        errors.extend(ran.progress.vm_errors.clone());
        let settlement =
            Settlement { id, change, targets: &targets, outcome, errors: &errors, done: &done };
        if ran.applied {
            self.settle(&settlement, limit).await?;
        } else {
            settlement.write_unbegun(&self.parts.scope).await?;
        }
        if matches!(change, Change::Launch(_) | Change::Replace(_)) {
            startup::provisioned(&self.parts.scope, lease.operation_id()).await?;
        }
        Ok(())
    }

    async fn settle(&self, settlement: &Settlement<'_>, limit: Limit) -> Result<(), DbError> {
        let ProvisionerParts { scope, workspace, .. } = &self.parts;
        let provider = &workspace.provider;
        let after = async {
            let workspace = self.workspace(limit.clone()).await?;
            workspace.recover().await?;
            self.state_put_right(&workspace, &settlement.broken()).await
        };
        let after = match after.await {
            Ok(after) => {
                self.parts.workspace.forget_unsettled();
                after
            }
            Err(WorkError::Db(error)) => return Err(error),
            Err(error) => {
                tracing::error!(reason = chain(&error), "the state could not be read afterwards");
                if let WorkError::Doubted(doubt) = &error {
                    self.record(settlement.id, doubt).await?;
                }
                self.put_right_later(settlement.id);
                return settlement.write_blindly(scope).await;
            }
        };
        // A broken VM is made anew later. What runs of it now is of no use.
        let named = settlement.change.hostnames().iter().chain(after.hostnames());
        let unmade: BTreeSet<&Hostname> = named.filter(|it| !after.is_whole(it)).collect();
        provider.end(unmade, &limit).await;
        settlement.write(scope, &after).await
    }

    /// Notes that the operation's rows may be wrong.
    pub(super) fn put_right_later(&self, id: OperationId) {
        if let Err(error) = self.parts.workspace.note_unsettled(id) {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the operation's rows may stay as they are");
        }
    }

    /// Saves a state that its backend had refused, and corrects the rows that were written without it.
    pub(super) async fn put_right(&self, limit: Limit) -> Result<(), WorkError> {
        let ProvisionerParts { workspace, variables, .. } = &self.parts;
        if workspace.errored().is_none() && workspace.unsettled().is_none() {
            return Ok(());
        }
        // Another allocator's operation settles it, and changes what would be looked at here.
        if operations::is_at_work(&self.parts.scope).await? {
            return Ok(());
        }
        let workspace = self.workspace(limit).await?;
        workspace.save_errored().await?;
        workspace.prepare(variables).await?;
        self.settle_again(&workspace).await
    }

    pub(super) async fn settle_again(&self, workspace: &Workspace) -> Result<(), WorkError> {
        let ProvisionerParts { scope, .. } = &self.parts;
        let Some(id) = workspace.unsettled() else { return Ok(()) };
        let operation = operations::find(scope, id).await?;
        if operation.as_ref().is_some_and(|it| !it.state.is_over()) {
            // It goes on, and its next attempt settles the rest.
            self.state_put_right(workspace, &BTreeSet::new()).await?;
        } else if let Some(operation) = &operation
            && let Some(change) = Change::wanted_by(operation)?
        {
            let state = self.state_put_right(workspace, &BTreeSet::new()).await?;
            let (state_then, reason) = (operation.state, operation.reason.clone());
            let outcome = Outcome { state: state_then, exit_code: operation.exit_code, reason };
            let named = change.hostnames().iter();
            let whole: Vec<Hostname> = named.filter(|it| state.is_whole(it)).cloned().collect();
            vms::make_anew(scope, &whole).await?;
            let targets = operations::targets(&scope.db, id).await?;
            let Ends { done, errors } = self.ends(id).await?;
            Settlement {
                id,
                change: &change,
                targets: &targets,
                outcome: &outcome,
                errors: &errors,
                done: &done,
            }
            .write(scope, &state)
            .await?;
        }
        workspace.forget_unsettled();
        Ok(())
    }

    /// What came of the VMs that an operation has done its work on, in all its attempts.
    pub(super) async fn ends(&self, id: OperationId) -> Result<Ends, DbError> {
        let mut ends = Ends::default();
        for step in operations::steps(&self.parts.scope.db, id).await? {
            match (step.stage, step.detail) {
                (Stage::Done, _) => {
                    ends.done.insert(step.hostname);
                }
                (Stage::Failed, Some(why)) => {
                    ends.errors.insert(step.hostname, why);
                }
                _ => {}
            }
        }
        Ok(ends)
    }
}

/// VMs of which Terraform said that it is done with them, and those that it failed at.
#[derive(Default)]
pub(super) struct Ends {
    pub done: BTreeSet<Hostname>,
    pub errors: BTreeMap<Hostname, String>,
}
