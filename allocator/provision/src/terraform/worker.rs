use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use lablink_core::{
    Db, DbError, Token, agents,
    live::{Hub, Topic},
    operations::{self, Job, Lease, Operation, Taken},
    pools::PoolId,
    vms::{self, Source},
};
use lablink_protocol::Hostname;
use tokio_util::sync::CancellationToken;

use super::{
    LocalVms, RuntimeVariables, Workspace, WorkspaceError,
    held::Held,
    recover::RecoverError,
    run::{Apply, Ended, Ran},
    settle::outcome,
    state::{State, StateError},
};

/// How often the queue is looked at when nobody has knocked: finds operations whose worker is
/// gone, which no notification tells.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How soon a refusal of the database is tried again.
pub(super) const RETRY_EVERY: Duration = Duration::from_secs(1);

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
    pub(super) parts: WorkerParts,
}

struct Attempt<'a> {
    lease: &'a Lease,
    operation: &'a Operation,
    abandoned: bool,
}

/// Why an operation could not even be tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Recover(#[from] RecoverError),
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
            let asked_at = Timestamp::now();
            let existing = State::pull(workspace).await?.existing();
            vms::reconcile_existing(db, *pool, Source::Local, &existing, asked_at).await?;
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
                Ok(None) => self.put_right().await,
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
        let Taken { lease, operation, abandoned } = taken;
        let (id, lease) = (operation.id, Arc::new(lease));
        tracing::info!(operation.id = id, kind = operation.job.kind(), "operation started");
        let hub = &self.parts.hub;
        let mut held = Held::new(Arc::clone(&lease), id, hub, shutdown.clone());
        let ran = loop {
            let attempt = Attempt { lease: &lease, operation: &operation, abandoned };
            match (self.attempt(&attempt, &mut held).await, held.stop()) {
                (Ok(ran), _) => break ran,
                // Nothing has been done yet: again, when the database is back.
                (Err(WorkError::Db(_)), None) => tokio::time::sleep(RETRY_EVERY).await,
                (Err(WorkError::Db(_)), Some(stop)) => break Ended::stopped_by(stop).into(),
                (Err(error), _) => {
                    let reason = chain(&error);
                    tracing::error!(operation.id = id, reason, "the operation could not be tried");
                    break Ended::Failed { exit_code: None, reason }.into();
                }
            }
        };
        let Some(outcome) = outcome(&ran.ended) else {
            tracing::warn!(operation.id = id, "the operation was taken over; leaving it alone");
            return;
        };
        self.conclude(&lease, &held, &operation, &outcome, ran.progress, shutdown).await;
    }

    async fn attempt(
        &self,
        Attempt { lease, operation, abandoned }: &Attempt<'_>,
        held: &mut Held,
    ) -> Result<Ran, WorkError> {
        let WorkerParts { db, pool, workspace, variables, local, .. } = &self.parts;
        workspace.recover().await?;
        self.settle_again().await?;
        workspace.prepare(variables).await?;
        let folder = self.parts.operations_dir.join(operation.id.to_string());
        std::fs::create_dir_all(&folder)?;
        let asked_at = Timestamp::now();
        let before = self.state_sparing_the_working().await?;
        vms::reconcile_existing(db, *pool, Source::Local, &before.existing(), asked_at).await?;

        if operation.cancel_requested {
            return Ok(Ended::Cancelled.into());
        }
        if *abandoned {
            return Ok(Ended::Interrupted.into());
        }
        let vms = desired(&operation.job, &before);
        let replaced = match &operation.job {
            Job::Replace { hostnames } => hostnames.as_slice(),
            Job::Launch { .. } | Job::Destroy { .. } => &[],
        };
        if let Some(stop) = held.stop() {
            return Ok(Ended::stopped_by(stop).into());
        }
        vms::succeed(db, *pool, replaced).await?;
        let is_new = |it: &&Hostname| !before.is_whole(it) || replaced.contains(it);
        let new: Vec<Hostname> = vms.iter().filter(is_new).cloned().collect();
        let enrolment_tokens = self.enrolment_tokens(&new).await?;
        let apply = Apply {
            workspace,
            lease,
            folder: &folder,
            vms,
            replace: replaced
                .iter()
                .filter_map(|it| before.address(it))
                .map(str::to_owned)
                .collect(),
            enrolment_tokens,
            environment: local.variables().map(|(name, path)| (name, path.to_owned())).into(),
        };
        Ok(apply.run(held).await?)
    }

    /// One token for each VM that this run will make, a broken one made anew included.
    async fn enrolment_tokens(
        &self,
        new: &[Hostname],
    ) -> Result<BTreeMap<Hostname, Token>, DbError> {
        let WorkerParts { db, pool, .. } = &self.parts;
        vms::make_anew(db, *pool, new).await?;
        let mut tokens = BTreeMap::new();
        for hostname in new {
            if let Some(token) = agents::issue_enrolment(db, *pool, hostname).await? {
                tokens.insert(hostname.clone(), token);
            }
        }
        Ok(tokens)
    }
}

/// The VMs that shall exist after the job: what exists, plus or minus what the job names. What
/// exists is the state's to say, so an empty or lost table destroys nothing.
fn desired(job: &Job, before: &State) -> Vec<Hostname> {
    let existing: BTreeSet<Hostname> = before.hostnames().cloned().collect();
    let named: BTreeSet<Hostname> = job.hostnames().iter().cloned().collect();
    match job {
        Job::Launch { .. } | Job::Replace { .. } => existing.union(&named).cloned().collect(),
        Job::Destroy { .. } => existing.difference(&named).cloned().collect(),
    }
}

pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
