use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use jiff::Timestamp;
use lablink_core::{
    DbError, Scope, Token, agents, chain,
    operations::{self, LeaseError, Makes, Outcome},
    preflight::{Machines, Preflight},
    secrets::{AwsLogin, LoginError},
    state, vms,
    worker::{Attempt, Ended, Limit, Runner, Stop, Trouble, Turn},
};
use lablink_protocol::Hostname;
use tokio::sync::watch;

use super::{
    Provider, RuntimeVariables, Workspace,
    change::{Change, Changes},
    recover::RecoverError,
    run::{Apply, Ran},
    state::State,
    variables::Gpu,
    work::{self, Work},
    work_error::WorkError,
};

/// What a provisioner works with.
pub struct ProvisionerParts {
    pub scope: Scope,
    pub workspace: Workspace,
    /// Typed keys win over what the process finds by itself.
    pub aws: Arc<AwsLogin>,
    pub variables: RuntimeVariables,
    /// Tells whether machines of a cloud have a GPU. None: they are in no cloud.
    pub preflight: Option<Arc<Preflight>>,
    /// Holds a folder per operation with what Terraform said.
    pub operations_dir: PathBuf,
}

/// Makes and removes the VMs of one pool by running Terraform.
pub struct Provisioner {
    pub(super) parts: ProvisionerParts,
    /// Whether the VMs that exist have rows, as far as can be told.
    pub(super) caught_up: watch::Sender<bool>,
}

impl<K: Changes> Runner<K> for Provisioner {
    type Left = Ran;

    async fn attempt(&self, job: &K, turn: &mut Turn) -> Result<Attempt<Ran>, Trouble> {
        match self.change(&job.change(), turn).await {
            // Its end notes what is wrong with the state.
            Err(WorkError::Doubted(doubt)) if turn.held.stop().is_none() => {
                let ended = Ended::failed(chain(&doubt));
                Ok(Attempt { ended, left: Ran { doubt: Some(doubt), ..Ran::default() } })
            }
            Err(error) if turn.held.stop().is_none() => Ok(error.passing()?.into()),
            attempt => Ok(attempt?),
        }
    }

    async fn put_off(&self, _job: &K, turn: &Turn, ran: &mut Ran) -> Result<(), LeaseError> {
        self.write_part(turn, ran).await
    }

    async fn settle(
        &self,
        job: &K,
        turn: &Turn,
        outcome: &Outcome,
        ran: &mut Ran,
    ) -> Result<(), LeaseError> {
        // Whatever kept us from looking at it: an earlier worker may have let Terraform at the VMs.
        ran.applied |= turn.abandoned;
        self.conclude(turn, &job.change(), outcome, ran).await
    }
}

impl Provisioner {
    pub fn new(parts: ProvisionerParts) -> Self {
        Self { parts, caught_up: watch::Sender::new(false) }
    }

    /// Terraform's folder, with the keys that are in use now.
    pub(super) async fn workspace(&self, limit: Limit) -> Result<Workspace, WorkError> {
        let ProvisionerParts { scope, workspace, aws, .. } = &self.parts;
        let typed = aws.vault.keys(scope).await.map_err(LoginError::from)?;
        let workspace = workspace.with_keys(aws.session(scope).await?);
        Ok(workspace.with_typed(typed).within(limit))
    }

    async fn change(&self, change: &Change, turn: &mut Turn) -> Result<Attempt<Ran>, WorkError> {
        let ProvisionerParts { scope, .. } = &self.parts;
        if let Some(stop) = self.end_orphans(turn).await? {
            return Ok(Ended::stopped_by(stop).into());
        }
        let workspace = self.workspace(turn.work_limit()).await?;
        workspace.recover().await?;
        match self.refuse_unreadable(&workspace).await {
            // Its end tells what is wrong.
            Err(WorkError::Doubted(_)) if turn.abandoned => return Ok(Ended::interrupted().into()),
            refused => refused?,
        }
        self.settle_again(&workspace).await?;
        let (variables, types) = self.variables(change).await?;
        workspace.prepare(&variables).await?;
        workspace.keep_variables(variables.to_tfvars()).await;
        if turn.operation.cancel_requested {
            return Ok(Ended::Cancelled.into());
        }
        if turn.abandoned {
            return Ok(Ended::interrupted().into());
        }
        let earlier = operations::steps(&scope.db, turn.operation.id).await?;
        let asked_at = Timestamp::now();
        let named = work::still_named(change, &earlier);
        let before = self.state_put_right(&workspace, &named).await?;
        let source = workspace.provider.source();
        vms::reconcile_existing(scope, source, &before.existing(), asked_at).await?;
        self.caught_up.send_replace(true);

        if let Some(stop) = turn.held.stop() {
            return Ok(Ended::stopped_by(stop).into());
        }
        // A state that is locked now would be met after the rows have changed.
        workspace.try_lock().await?;
        let begun = match change {
            Change::Replace(_) => turn.lease.begin_anew().await,
            Change::Launch(_) | Change::Destroy(_) => turn.lease.begin().await,
        };
        let targets = match begun {
            Ok(targets) => targets,
            Err(LeaseError::Lost) => return Ok(Ended::LeaseLost.into()),
            Err(LeaseError::Db(error)) => return Err(error.into()),
        };
        let work = Work::of(change, &targets, &earlier);
        let mut attempt = if work.hostnames.is_empty() {
            Ended::Succeeded.into()
        } else {
            self.apply(change, &work.hostnames, &before, &workspace, turn, types).await?
        };
        work.tell(&mut attempt);
        Ok(attempt)
    }

    /// What the module is told, and the machine types that VMs may be made of, the wanted one first.
    /// Machines of a cloud are never made without knowing of their GPU.
    async fn variables(
        &self,
        change: &Change,
    ) -> Result<(RuntimeVariables, Vec<String>), WorkError> {
        let ProvisionerParts { scope, variables, preflight, .. } = &self.parts;
        let mut variables = variables.clone();
        let (Makes::Machines, Some(preflight)) = (change.makes(), preflight) else {
            let types = vec![variables.machine_type.clone()];
            return Ok((variables, types));
        };
        let Machines { gpu_support, types } = preflight.machines(scope).await?;
        variables.gpu_support = if gpu_support { Gpu::Present } else { Gpu::Absent };
        Ok((variables, types))
    }

    /// Ends what an earlier allocator has left running, which may take as long as a call of a cloud.
    /// Some: it is left alone for now.
    async fn end_orphans(&self, turn: &mut Turn) -> Result<Option<Stop>, WorkError> {
        tokio::select! {
            ended = self.parts.workspace.end_orphans() => ended.map_err(RecoverError::from)?,
            stop = turn.held.stopped(None) => return Ok(Some(stop)),
        }
        turn.begin_look();
        Ok(None)
    }

    /// Lets Terraform bring about what the change wants of these VMs.
    async fn apply(
        &self,
        change: &Change,
        hostnames: &[Hostname],
        before: &State,
        workspace: &Workspace,
        turn: &mut Turn,
        types: Vec<String>,
    ) -> Result<Attempt<Ran>, WorkError> {
        let folder = self.parts.operations_dir.join(turn.operation.id.to_string());
        std::fs::create_dir_all(&folder)?;
        let vms = desired(change, hostnames, before);
        let replaced = self.made_anew(change, hostnames, workspace).await?;
        let is_new = |it: &&Hostname| !before.is_whole(it) || replaced.contains(it);
        let new: Vec<Hostname> = vms.iter().filter(is_new).cloned().collect();
        let going: Vec<Hostname> =
            before.hostnames().filter(|it| !vms.contains(it)).cloned().collect();
        let apply = Apply {
            makes: change.makes(),
            workspace,
            lease: &turn.lease,
            folder: &folder,
            vms,
            named: hostnames.iter().cloned().collect(),
            replace: replaced
                .iter()
                .filter_map(|it| before.address(it))
                .map(str::to_owned)
                .collect(),
            enrolment_tokens: self.enrolment_tokens(&new).await?,
            placements: self.placements(&new, &types).await?,
            done: turn.operation.done,
        };
        let planned = match apply.plan(&mut turn.held).await? {
            Ok(planned) => planned,
            Err(attempt) => return Ok(attempt),
        };
        let ProvisionerParts { scope, .. } = &self.parts;
        state::take_in_hand(scope, turn.operation.id, &new, &going).await?;
        let mut attempt = apply.run(planned, &mut turn.held).await?;
        attempt.left.types = types;
        Ok(attempt)
    }

    /// VMs that are made anew though the state calls them whole.
    async fn made_anew(
        &self,
        change: &Change,
        hostnames: &[Hostname],
        workspace: &Workspace,
    ) -> Result<Vec<Hostname>, DbError> {
        match (change, &workspace.provider) {
            (Change::Replace(_), _) => Ok(hostnames.to_vec()),
            // Its creation failed, and a later change that did not name it has left it as it was.
            (Change::Launch(_), Provider::Aws(_)) => {
                vms::failed_among(&self.parts.scope, hostnames).await
            }
            (Change::Launch(_), Provider::Local(_)) | (Change::Destroy(_), _) => Ok(Vec::new()),
        }
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
fn desired(change: &Change, hostnames: &[Hostname], before: &State) -> Vec<Hostname> {
    let existing: BTreeSet<Hostname> = before.hostnames().cloned().collect();
    let named: BTreeSet<Hostname> = hostnames.iter().cloned().collect();
    match change {
        Change::Launch(_) | Change::Replace(_) => existing.union(&named).cloned().collect(),
        Change::Destroy(_) => existing.difference(&named).cloned().collect(),
    }
}
