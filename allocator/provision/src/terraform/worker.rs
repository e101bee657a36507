use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use lablink_core::{
    Actor, Db, DbError, Token, agents,
    live::{Hub, Topic},
    operations::{self, Job, LeaseError, Operation, OperationState, Outcome, Taken},
    pools::PoolId,
    vms::{self, Source},
};
use lablink_protocol::Hostname;
use tokio_util::sync::CancellationToken;

use super::{
    LocalVms, RuntimeVariables, Workspace, WorkspaceError, leftovers,
    run::{Apply, Ended},
    settle::{outcome, settle},
    state::{State, StateError},
};

/// How often the queue is looked at when nobody has knocked: finds operations whose worker is
/// gone, which no notification tells.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What a worker works with.
pub struct WorkerParts {
    pub db: Db,
    pub pool: PoolId,
    pub hub: Hub,
    pub workspace: Workspace,
    pub variables: RuntimeVariables,
    pub local: LocalVms,
    /// Holds a folder per operation with what Terraform said.
    pub operations_dir: PathBuf,
    /// Tells this process from others in the row of an operation.
    pub owner: String,
}

/// Carries out the operations of one pool, one at a time.
pub struct Worker {
    parts: WorkerParts,
}

/// Why an operation could not even be tried, or its end not be written.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("cannot run Terraform")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Worker {
    pub fn new(parts: WorkerParts) -> Self {
        Self { parts }
    }

    /// Writes rows for VMs that exist without one, as after the loss of the database: so that a
    /// launch takes no name that is taken, and the organiser sees them.
    pub async fn catch_up(&self) {
        let WorkerParts { db, pool, workspace, variables, .. } = &self.parts;
        let caught_up = async {
            workspace.prepare(variables).await?;
            let state = State::pull(workspace).await?;
            vms::reconcile_existing(db, *pool, Source::Local, &state.existing()).await?;
            Ok::<(), WorkError>(())
        };
        if let Err(error) = caught_up.await {
            // Not fatal: every operation looks again, and tells what is wrong.
            tracing::error!(reason = chain(&error), "Terraform's state could not be looked at");
        }
    }

    /// Works until `shutdown`: then a running Terraform is asked to stop, and the operation ends
    /// as interrupted.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut knock = self.parts.hub.subscribe(Topic::Operations);
        while !shutdown.is_cancelled() {
            match operations::take(&self.parts.db, self.parts.pool, &self.parts.owner).await {
                Ok(Some(taken)) => {
                    self.work(taken, &shutdown).await;
                    continue;
                }
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
    }

    async fn work(&self, taken: Taken, shutdown: &CancellationToken) {
        let id = taken.operation.id;
        tracing::info!(operation.id = id, kind = taken.operation.job.kind(), "operation started");
        let outcome = match self.carry_out(&taken, shutdown).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => {
                tracing::warn!(operation.id = id, "the operation was taken over; leaving it alone");
                return;
            }
            Err(error) => {
                let reason = chain(&error);
                tracing::error!(
                    operation.id = id,
                    reason,
                    "the operation could not be carried out"
                );
                self.give_up(&taken.operation, &reason).await;
                Outcome { state: OperationState::Failed, exit_code: None, reason: Some(reason) }
            }
        };
        self.finish(&taken, &outcome).await;
    }

    async fn carry_out(
        &self,
        Taken { lease, operation, abandoned }: &Taken,
        shutdown: &CancellationToken,
    ) -> Result<Option<Outcome>, WorkError> {
        let WorkerParts { db, pool, workspace, variables, local, .. } = &self.parts;
        let folder = self.parts.operations_dir.join(operation.id.to_string());
        std::fs::create_dir_all(&folder)?;
        leftovers::end(&folder).await;
        workspace.prepare(variables).await?;
        let before = State::pull(workspace).await?;
        vms::reconcile_existing(db, *pool, Source::Local, &before.existing()).await?;

        let ended = if operation.cancel_requested {
            Ended::Cancelled
        } else if *abandoned {
            Ended::Interrupted
        } else {
            let apply = Apply {
                workspace,
                lease,
                folder: &folder,
                vms: desired(&operation.job, &before),
                enrolment_tokens: self.enrolment_tokens(&operation.job, &before).await?,
                environment: local.variables().map(|(name, path)| (name, path.to_owned())).into(),
            };
            apply.run(shutdown).await?
        };
        let Some(outcome) = outcome(ended) else { return Ok(None) };

        let after = State::pull(workspace).await?;
        local.reap(|hostname| after.contains(hostname)).await?;
        let actor = Actor::System;
        settle(db, *pool, &actor, &operation.job, &outcome, &after).await?;
        Ok(Some(outcome))
    }

    /// One token for each VM that this run will make, a broken one made anew included.
    async fn enrolment_tokens(
        &self,
        job: &Job,
        before: &State,
    ) -> Result<BTreeMap<Hostname, Token>, DbError> {
        let mut tokens = BTreeMap::new();
        for hostname in desired(job, before).into_iter().filter(|name| !before.is_whole(name)) {
            let issued =
                agents::issue_enrolment(&self.parts.db, self.parts.pool, &hostname).await?;
            if let Some(token) = issued {
                tokens.insert(hostname, token);
            }
        }
        Ok(tokens)
    }

    /// The operation's VMs show why nothing came of it.
    async fn give_up(&self, operation: &Operation, reason: &str) {
        let WorkerParts { db, pool, workspace, .. } = &self.parts;
        let existing =
            State::pull(workspace).await.map(|state| state.existing()).unwrap_or_default();
        let names = operation.job.hostnames();
        if let Err(error) = vms::fail_missing(db, *pool, names, &existing, reason).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the VMs could not be marked"
            );
        }
    }

    /// Writes the end. While the database is away it tries again: the lease keeps others off, and
    /// when it has run out another worker ends the operation.
    async fn finish(&self, taken: &Taken, outcome: &Outcome) {
        let deadline = tokio::time::Instant::now() + operations::LEASE;
        loop {
            match taken.lease.finish(outcome).await {
                Ok(()) => {
                    let (id, state) = (taken.operation.id, outcome.state);
                    tracing::info!(operation.id = id, %state, "operation ended");
                    return;
                }
                Err(LeaseError::Lost) => return,
                Err(LeaseError::Db(error)) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the operation's end could not be written"
                    );
                }
            }
            if tokio::time::Instant::now() > deadline {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// The VMs that shall exist after the job: what exists, plus or minus what the job names. What
/// exists is the state's to say, so an empty or lost table destroys nothing.
fn desired(job: &Job, before: &State) -> Vec<Hostname> {
    let existing: BTreeSet<Hostname> = before.hostnames().cloned().collect();
    let named: BTreeSet<Hostname> = job.hostnames().iter().cloned().collect();
    match job {
        Job::Launch { .. } => existing.union(&named).cloned().collect(),
        Job::Destroy { .. } => existing.difference(&named).cloned().collect(),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
