use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use jiff::Timestamp;
use lablink_core::{
    Db, DbError, Token, agents,
    aws::{AwsLogin, VaultError},
    operations::Change,
    plain,
    pools::PoolId,
    state,
    vms::{self, Source},
};
use lablink_protocol::Hostname;

use super::{
    LocalVms, RuntimeVariables, Workspace, WorkspaceError,
    recover::RecoverError,
    run::{Apply, Ran},
    state::{Doubt, State, StateError},
};
use crate::worker::{Ended, RETRY_EVERY, Turn, outcome};

/// What a provisioner works with.
pub struct ProvisionerParts {
    pub db: Db,
    pub pool: PoolId,
    pub workspace: Workspace,
    /// Typed keys win over what the process finds by itself.
    pub aws: Arc<AwsLogin>,
    pub variables: RuntimeVariables,
    pub local: LocalVms,
    /// Holds a folder per operation with what Terraform said.
    pub operations_dir: PathBuf,
}

/// Makes and removes the VMs of one pool by running Terraform.
pub struct Provisioner {
    pub(super) parts: ProvisionerParts,
}

/// Why an operation could not even be tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Doubted(#[from] Doubt),
    #[error(transparent)]
    Recover(#[from] RecoverError),
    #[error("cannot run Terraform")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Keys(VaultError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<VaultError> for WorkError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Db(error) => Self::Db(error),
            VaultError::Locked => Self::Keys(error),
        }
    }
}

impl Provisioner {
    pub fn new(parts: ProvisionerParts) -> Self {
        Self { parts }
    }

    /// Terraform's folder, with the keys that are in use now.
    pub(super) async fn workspace(&self) -> Result<Workspace, WorkError> {
        let ProvisionerParts { db, pool, workspace, aws, .. } = &self.parts;
        Ok(workspace.with_keys(aws.vault.keys(db, *pool).await?))
    }

    /// Writes rows for VMs that exist without one, as after the loss of the database: so that a
    /// launch takes no name that is taken, and the organiser sees them.
    pub async fn catch_up(&self) {
        let ProvisionerParts { db, pool, variables, .. } = &self.parts;
        let caught_up = async {
            let workspace = self.workspace().await?;
            self.refuse_unreadable(&workspace).await?;
            workspace.prepare(variables).await?;
            let asked_at = Timestamp::now();
            let look = self.look(&workspace).await?;
            if let Some(doubt) = look.doubt {
                return Err(doubt.into());
            }
            let existing = look.state.existing();
            vms::reconcile_existing(db, *pool, Source::Local, &existing, asked_at).await?;
            Ok::<(), WorkError>(())
        };
        if let Err(error) = caught_up.await {
            // Not fatal: every operation looks again, and tells what is wrong.
            tracing::error!(reason = chain(&error), "Terraform's state could not be looked at");
        }
    }

    /// Runs Terraform for a change, whatever comes in between, to a written end.
    pub(crate) async fn carry_out(&self, change: Change<'_>, turn: &mut Turn) {
        let id = turn.operation.id;
        let mut ran = loop {
            match (self.attempt(change, turn).await, turn.held.stop()) {
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
        loop {
            let written = self.end(&turn.lease, change, &outcome, &mut ran.progress).await;
            if !turn.again(written).await {
                return;
            }
        }
    }

    async fn attempt(&self, change: Change<'_>, turn: &mut Turn) -> Result<Ran, WorkError> {
        let Turn { lease, operation, abandoned, held, .. } = turn;
        let ProvisionerParts { db, pool, variables, local, .. } = &self.parts;
        let workspace = self.workspace().await?;
        workspace.recover().await?;
        self.refuse_unreadable(&workspace).await?;
        self.settle_again(&workspace).await?;
        workspace.prepare(variables).await?;
        let folder = self.parts.operations_dir.join(operation.id.to_string());
        std::fs::create_dir_all(&folder)?;
        let asked_at = Timestamp::now();
        state::made_by(db, *pool, operation.id).await?;
        let before = self.state_put_right(&workspace).await?;
        vms::reconcile_existing(db, *pool, Source::Local, &before.existing(), asked_at).await?;

        if operation.cancel_requested {
            return Ok(Ended::Cancelled.into());
        }
        if *abandoned {
            return Ok(Ended::Interrupted.into());
        }
        let vms = desired(change, &before);
        let replaced = match change {
            Change::Replace(hostnames) => hostnames,
            Change::Launch(_) | Change::Destroy(_) => &[],
        };
        if let Some(stop) = held.stop() {
            return Ok(Ended::stopped_by(stop).into());
        }
        vms::succeed(db, *pool, replaced).await?;
        let is_new = |it: &&Hostname| !before.is_whole(it) || replaced.contains(it);
        let new: Vec<Hostname> = vms.iter().filter(is_new).cloned().collect();
        let going = before.hostnames().filter(|it| !vms.contains(it)).cloned();
        state::take_in_hand(db, *pool, &new, &going.collect::<Vec<_>>()).await?;
        let enrolment_tokens = self.enrolment_tokens(&new).await?;
        let apply = Apply {
            workspace: &workspace,
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
        let ProvisionerParts { db, pool, .. } = &self.parts;
        vms::make_anew(db, *pool, new).await?;
        agents::issue_enrolments(db, *pool, new).await
    }
}

/// The VMs that shall exist after the change: what exists, plus or minus what it names. What
/// exists is the state's to say, so an empty or lost table destroys nothing.
fn desired(change: Change<'_>, before: &State) -> Vec<Hostname> {
    let existing: BTreeSet<Hostname> = before.hostnames().cloned().collect();
    let named: BTreeSet<Hostname> = change.hostnames().iter().cloned().collect();
    match change {
        Change::Launch(_) | Change::Replace(_) => existing.union(&named).cloned().collect(),
        Change::Destroy(_) => existing.difference(&named).cloned().collect(),
    }
}

/// An error with its causes, as a line that is fit to be read.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    plain(&text).into_owned()
}
