//! The end of an operation: what is written when Terraform has ended, until it is written.

use std::collections::{BTreeMap, BTreeSet};

use lablink_core::{
    DbError,
    operations::{self, Job, Lease, LeaseError, Operation, OperationId, Outcome, Stage},
    startup, vms,
};
use lablink_protocol::Hostname;
use tokio_util::sync::CancellationToken;

use super::{
    Worker, WorkerParts,
    held::{Held, Stop},
    progress::Progress,
    settle::Settlement,
    worker::{RETRY_EVERY, WorkError, chain},
};

impl Worker {
    /// Writes the end, again and again until it is written: as long as the lease is ours, nobody
    /// else can.
    pub(super) async fn conclude(
        &self,
        lease: &Lease,
        held: &Held,
        operation: &Operation,
        outcome: &Outcome,
        mut progress: Progress,
        shutdown: &CancellationToken,
    ) {
        let id = operation.id;
        let mut tries_after_shutdown = 10;
        while held.stop() != Some(Stop::LeaseLost) && tries_after_shutdown > 0 {
            match self.end(lease, &operation.job, outcome, &mut progress).await {
                Ok(()) => {
                    tracing::info!(operation.id = id, state = %outcome.state, "operation ended");
                    return;
                }
                Err(LeaseError::Lost) => return,
                Err(LeaseError::Db(error)) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the operation's end could not be written; trying again"
                    );
                }
            }
            if shutdown.is_cancelled() {
                tries_after_shutdown -= 1;
            }
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }

    async fn end(
        &self,
        lease: &Lease,
        job: &Job,
        outcome: &Outcome,
        progress: &mut Progress,
    ) -> Result<(), LeaseError> {
        progress.tell(lease).await?;
        let replaced = self.done_with(lease.operation_id()).await?;
        let errors = &progress.vm_errors;
        self.settle(&Settlement { job, outcome, errors, replaced: &replaced }).await?;
        if matches!(job, Job::Launch { .. } | Job::Replace { .. }) {
            startup::provisioned(&self.parts.db, self.parts.pool, lease.operation_id()).await?;
        }
        lease.finish(outcome).await
    }

    async fn settle(&self, settlement: &Settlement<'_>) -> Result<(), DbError> {
        let WorkerParts { db, pool, workspace, variables, local, .. } = &self.parts;
        let after = async {
            workspace.recover().await?;
            self.state_sparing_the_working().await
        };
        let after = match after.await {
            Ok(after) => {
                workspace.forget_unsettled();
                after
            }
            Err(error) => {
                tracing::error!(reason = chain(&error), "the state could not be read afterwards");
                return settlement.write_blindly(db, *pool).await;
            }
        };
        // A broken VM is made anew later: what runs of it now serves nobody.
        let known = |hostname: &Hostname| after.is_whole(hostname);
        if let Err(error) = local.reap(&variables.resource_suffix, known).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "what unknown VMs left could not be looked for");
        }
        settlement.write(db, *pool, &after).await
    }

    /// Saves a state that its backend had refused, and puts the rows right that told without it.
    pub(super) async fn put_right(&self) {
        let workspace = &self.parts.workspace;
        if workspace.errored().is_none() && workspace.unsettled().is_none() {
            return;
        }
        let done = async {
            workspace.save_errored().await?;
            self.settle_again().await
        };
        if let Err(error) = done.await {
            tracing::error!(reason = chain(&error), "Terraform's state is not saved yet");
        }
    }

    pub(super) async fn settle_again(&self) -> Result<(), WorkError> {
        let WorkerParts { db, pool, workspace, .. } = &self.parts;
        let Some(id) = workspace.unsettled() else { return Ok(()) };
        if let Some(operation) = operations::find(db, *pool, id).await? {
            let state = self.state_sparing_the_working().await?;
            let (state_then, reason) = (operation.state, operation.reason);
            let outcome = Outcome { state: state_then, exit_code: operation.exit_code, reason };
            let named = operation.job.hostnames().iter();
            let whole: Vec<Hostname> = named.filter(|it| state.is_whole(it)).cloned().collect();
            vms::make_anew(db, *pool, &whole).await?;
            let replaced = self.done_with(id).await?;
            let errors = BTreeMap::new();
            let (job, outcome) = (&operation.job, &outcome);
            Settlement { job, outcome, errors: &errors, replaced: &replaced }
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
