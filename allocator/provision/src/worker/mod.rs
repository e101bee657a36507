//! Carries out the operations of one pool, one at a time: takes each from the queue, keeps its
//! lease while somebody works on it, and sees to it that its end is written.

mod ended;
mod held;
mod limit;
mod turn;

pub(crate) use ended::{Ended, outcome};
pub(crate) use held::{Held, Stop};
pub(crate) use limit::Limit;
pub(crate) use turn::Turn;

use std::{sync::Arc, time::Duration};

use lablink_core::{
    DbError, Scope,
    live::{Hub, Subscription, Topic},
    operations::{self, Job, LeaseError, OperationState, Outcome, Taken},
    vms::{self, Unmet},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    collect::ZipCollector,
    terraform::{Provisioner, chain},
};

/// How often the queue is looked at when nobody has knocked: finds operations whose worker is
/// gone, which no notification tells.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a worker works with.
pub struct WorkerParts {
    pub scope: Scope,
    pub hub: Hub,
    /// Tells this process from others in the row of an operation.
    pub owner: String,
    /// Who makes and removes VMs; none where they only join by themselves.
    pub provisioner: Option<Provisioner>,
    pub collector: Arc<ZipCollector>,
}

pub struct Worker {
    parts: WorkerParts,
}

impl Worker {
    pub fn new(parts: WorkerParts) -> Self {
        Self { parts }
    }

    /// Works until `shutdown`: then what runs is asked to stop, and the operation ends as
    /// interrupted.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut knock = self.parts.hub.subscribe(Topic::Operations(self.parts.scope.pool.id));
        while let Some((taken, at)) = self.next(&mut knock, &shutdown).await {
            self.work(taken, at, &shutdown).await;
        }
    }

    /// Waits for an operation. What the provisioner does meanwhile gives way to it.
    async fn next(
        &self,
        knock: &mut Subscription,
        shutdown: &CancellationToken,
    ) -> Option<(Taken, Instant)> {
        let idle = CancellationToken::new();
        let taking = async {
            let _busy = idle.clone().drop_guard();
            self.take(knock, shutdown).await
        };
        match &self.parts.provisioner {
            Some(provisioner) => tokio::join!(taking, provisioner.while_idle(idle.clone())).0,
            None => taking.await,
        }
    }

    /// Takes the next operation when there is one, and says when that was; none at `shutdown`.
    async fn take(
        &self,
        knock: &mut Subscription,
        shutdown: &CancellationToken,
    ) -> Option<(Taken, Instant)> {
        let WorkerParts { scope, owner, .. } = &self.parts;
        while !shutdown.is_cancelled() {
            match operations::take(scope, owner).await {
                Ok(Some(taken)) => return Some((taken, Instant::now())),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the queue could not be read"
                    );
                }
            }
            tokio::select! {
                () = knock.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = shutdown.cancelled() => {}
            }
        }
        None
    }

    async fn work(&self, taken: Taken, at: Instant, shutdown: &CancellationToken) {
        let Taken { lease, operation, abandoned } = taken;
        let (id, lease) = (operation.id, Arc::new(lease));
        tracing::info!(operation.id = %id, kind = operation.job.kind(), "operation started");
        let held = Held::new(Arc::clone(&lease), id, &self.parts.hub, shutdown.clone());
        let mut turn = Turn::new(lease, operation, abandoned, held, shutdown.clone(), at);
        let unmet = loop {
            match (self.unmet(&turn.operation.job).await, turn.held.stop()) {
                (Ok(unmet), _) => break unmet,
                (Err(refused), None) => {
                    if !turn.waits_for(&refused).await {
                        break Some(chain(&refused));
                    }
                }
                // Who works on it sees the stop before it does anything.
                (Err(_refused), Some(_)) => break None,
            }
        };
        if let Some(reason) = unmet {
            return self.call_off(&mut turn, reason).await;
        }
        let job = turn.operation.job.clone();
        if let Job::Collect { hostnames, extension, on_skipped } = &job {
            self.parts.collector.carry_out(hostnames, extension, *on_skipped, &mut turn).await;
            return;
        }
        match (&self.parts.provisioner, job.change()) {
            (Some(provisioner), Some(change)) => provisioner.carry_out(change, &mut turn).await,
            (Some(provisioner), None) => provisioner.solve(&job, &mut turn).await,
            (None, _) => {
                let reason = "This allocator makes and removes no VMs: its provider is manual.";
                self.call_off(&mut turn, reason.to_owned()).await;
            }
        }
    }

    /// Why a job can't be begun, if it can't: what it relies on did not happen.
    async fn unmet(&self, job: &Job) -> Result<Option<String>, DbError> {
        let Job::Destroy { after: Some(first), .. } = job else { return Ok(None) };
        let earlier = operations::find(&self.parts.scope, *first).await?;
        let succeeded = earlier.is_some_and(|it| it.state == OperationState::Succeeded);
        Ok((!succeeded).then(|| {
            format!(
                "Nothing was destroyed: the results were to be collected first, and operation \
                 {first} did not bring all of them home. Look at what it says, and collect again \
                 or destroy without."
            )
        }))
    }

    /// Ends an operation that was not begun: VMs that were to go stay, those that were to be made say
    /// why they are not.
    async fn call_off(&self, turn: &mut Turn, reason: String) {
        let outcome = Outcome {
            state: OperationState::Failed,
            exit_code: None,
            reason: Some(reason.clone()),
        };
        loop {
            let written = self.end_unbegun(turn, &reason, &outcome).await;
            if !turn.again(written).await {
                return;
            }
        }
    }

    async fn end_unbegun(
        &self,
        turn: &Turn,
        reason: &str,
        outcome: &Outcome,
    ) -> Result<(), LeaseError> {
        if let Job::Launch { .. } = turn.operation.job {
            let targets = operations::targets(&self.parts.scope.db, turn.operation.id).await?;
            let unmade: Vec<Unmet> =
                targets.into_iter().map(|it| (it.vm_id, reason.to_owned())).collect();
            vms::doubt(&self.parts.scope, &unmade).await?;
        }
        turn.lease.finish(outcome).await
    }
}
