use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use jiff::Timestamp;
use lablink_core::{
    DbError, Scope, Token, agents,
    operations::{Change, LeaseError},
    plain,
    pools::Source,
    secrets::{AwsLogin, VaultError},
    state, vms,
};
use lablink_protocol::Hostname;
use tokio::sync::watch;

use super::{
    LocalVms, RuntimeVariables, StepError, Workspace, WorkspaceError,
    recover::RecoverError,
    run::{Apply, Ran},
    state::{Doubt, State, StateError},
    work::Work,
};
use crate::worker::{Ended, Limit, Turn, outcome};

/// What a provisioner works with.
pub struct ProvisionerParts {
    pub scope: Scope,
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
    /// Whether the VMs that exist have rows, as far as can be told.
    pub(super) caught_up: watch::Sender<bool>,
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
    #[error(transparent)]
    Step(#[from] StepError),
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
            VaultError::Locked | VaultError::Replaced => Self::Keys(error),
        }
    }
}

impl Provisioner {
    pub fn new(parts: ProvisionerParts) -> Self {
        Self { parts, caught_up: watch::Sender::new(false) }
    }

    /// Terraform's folder, with the keys that are in use now.
    pub(super) async fn workspace(&self, limit: Limit) -> Result<Workspace, WorkError> {
        let ProvisionerParts { scope, workspace, aws, .. } = &self.parts;
        Ok(workspace.with_keys(aws.vault.keys(scope).await?).within(limit))
    }

    /// Runs Terraform for a change, whatever comes in between, to a written end.
    pub(crate) async fn carry_out(&self, change: Change<'_>, turn: &mut Turn) {
        let id = turn.operation.id;
        let mut ran = loop {
            let error = match (self.attempt(change, turn).await, turn.held.stop()) {
                (Ok(ran), _) => break ran,
                (Err(error), Some(stop)) => {
                    let reason = chain(&error);
                    tracing::info!(
                        operation.id = %id,
                        reason,
                        ?stop,
                        "stopped before Terraform ran"
                    );
                    break Ended::stopped_by(stop).into();
                }
                (Err(error), None) => error,
            };
            // Nothing has been done yet: again, when the database is back.
            if let WorkError::Db(refused) = &error
                && turn.waits_for(refused).await
            {
                continue;
            }
            let reason = chain(&error);
            tracing::error!(operation.id = %id, reason, "the operation could not be tried");
            let doubt = match error {
                WorkError::Doubted(doubt) => Some(doubt),
                _ => None,
            };
            break Ran { doubt, ..Ended::Failed { exit_code: None, reason }.into() };
        };
        ran.applied |= turn.abandoned;
        let Some(outcome) = outcome(&ran.ended) else {
            tracing::warn!(operation.id = %id, "the operation was taken over; leaving it alone");
            return;
        };
        loop {
            let limit = turn.end_limit();
            let written = self.end(&turn.lease, change, &outcome, &mut ran, limit).await;
            if !turn.again(written).await {
                return;
            }
        }
    }

    async fn attempt(&self, change: Change<'_>, turn: &mut Turn) -> Result<Ran, WorkError> {
        let ProvisionerParts { scope, variables, .. } = &self.parts;
        let workspace = self.workspace(turn.work_limit()).await?;
        workspace.recover().await?;
        match self.refuse_unreadable(&workspace).await {
            // Its end tells what is wrong.
            Err(WorkError::Doubted(_)) if turn.abandoned => return Ok(Ended::Interrupted.into()),
            refused => refused?,
        }
        self.settle_again(&workspace).await?;
        workspace.prepare(variables).await?;
        if turn.operation.cancel_requested {
            return Ok(Ended::Cancelled.into());
        }
        if turn.abandoned {
            return Ok(Ended::Interrupted.into());
        }
        let asked_at = Timestamp::now();
        let before = self.state_put_right(&workspace).await?;
        vms::reconcile_existing(scope, Source::Local, &before.existing(), asked_at).await?;
        self.caught_up.send_replace(true);

        if let Some(stop) = turn.held.stop() {
            return Ok(Ended::stopped_by(stop).into());
        }
        let targets = match turn.lease.begin().await {
            Ok(targets) => targets,
            Err(LeaseError::Lost) => return Ok(Ended::LeaseLost.into()),
            Err(LeaseError::Db(error)) => return Err(error.into()),
        };
        let work = Work::of(change, &targets);
        let mut ran = if work.hostnames.is_empty() {
            Ended::Succeeded.into()
        } else {
            self.apply(change, &work.hostnames, &before, &workspace, turn).await?
        };
        work.tell(&mut ran);
        Ok(ran)
    }

    /// Lets Terraform bring about what the change wants of these VMs.
    async fn apply(
        &self,
        change: Change<'_>,
        hostnames: &[Hostname],
        before: &State,
        workspace: &Workspace,
        turn: &mut Turn,
    ) -> Result<Ran, WorkError> {
        let folder = self.parts.operations_dir.join(turn.operation.id.to_string());
        std::fs::create_dir_all(&folder)?;
        let vms = desired(change, hostnames, before);
        let replaced = if matches!(change, Change::Replace(_)) { hostnames } else { &[] };
        let is_new = |it: &&Hostname| !before.is_whole(it) || replaced.contains(it);
        let new: Vec<Hostname> = vms.iter().filter(is_new).cloned().collect();
        let going = before.hostnames().filter(|it| !vms.contains(it)).cloned();
        let ProvisionerParts { scope, .. } = &self.parts;
        state::take_in_hand(scope, &new, &going.collect::<Vec<_>>()).await?;
        let enrolment_tokens = self.enrolment_tokens(&new).await?;
        let apply = Apply {
            workspace,
            lease: &turn.lease,
            folder: &folder,
            vms,
            replace: replaced
                .iter()
                .filter_map(|it| before.address(it))
                .map(str::to_owned)
                .collect(),
            enrolment_tokens,
            environment: self
                .parts
                .local
                .variables()
                .map(|(name, path)| (name, path.to_owned()))
                .into(),
        };
        Ok(apply.run(&mut turn.held).await?)
    }

    /// One token for each VM that this run will make, a broken one made anew included.
    async fn enrolment_tokens(
        &self,
        new: &[Hostname],
    ) -> Result<BTreeMap<Hostname, Token>, DbError> {
        let ProvisionerParts { scope, .. } = &self.parts;
        vms::make_anew(scope, new).await?;
        agents::issue_enrolments(scope, new).await
    }
}

/// The VMs that shall exist after the change: what exists, plus or minus what it names. What
/// exists is the state's to say, so an empty or lost table destroys nothing.
fn desired(change: Change<'_>, hostnames: &[Hostname], before: &State) -> Vec<Hostname> {
    let existing: BTreeSet<Hostname> = before.hostnames().cloned().collect();
    let named: BTreeSet<Hostname> = hostnames.iter().cloned().collect();
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
