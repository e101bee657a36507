//! The ways out of a conflict with the state, as an organiser chose: what the state has lost is put
//! back into it, or is let go of. Both look again first, so both are idempotent, and can be done again
//! after they were cut off.

use lablink_core::{
    DbError, chain,
    operations::{
        BringBack, GiveUp, LeaseError, LogLevel, OperationId, Outcome, Report, Stage, Step,
    },
    pools::Source,
    state::{self, Fault},
    vms,
    worker::{Attempt, Ended, Runner, Trouble, Turn},
};
use lablink_protocol::Hostname;

use super::{
    Backend, Provisioner, ProvisionerParts, StepError, Workspace,
    look::Look,
    state::{Doubt, Pieces, listed, mend},
    work_error::WorkError,
};

/// What a way out leaves to be written.
#[derive(Debug, Default)]
pub struct Solved {
    lines: Vec<(LogLevel, String)>,
    done: Vec<Hostname>,
}

/// A chosen way out.
#[derive(Clone, Copy)]
enum Way<'a> {
    BringBack,
    GiveUp(&'a [Hostname]),
}

impl Runner<BringBack> for Provisioner {
    type Left = Solved;

    async fn attempt(&self, _job: &BringBack, turn: &mut Turn) -> Result<Attempt<Solved>, Trouble> {
        self.attempt_at(Way::BringBack, turn).await
    }

    async fn settle(
        &self,
        job: &BringBack,
        turn: &Turn,
        _outcome: &Outcome,
        solved: &mut Solved,
    ) -> Result<(), LeaseError> {
        tell(turn, job.hostnames.len(), solved).await
    }
}

impl Runner<GiveUp> for Provisioner {
    type Left = Solved;

    async fn attempt(&self, job: &GiveUp, turn: &mut Turn) -> Result<Attempt<Solved>, Trouble> {
        self.attempt_at(Way::GiveUp(&job.hostnames), turn).await
    }

    async fn settle(
        &self,
        job: &GiveUp,
        turn: &Turn,
        _outcome: &Outcome,
        solved: &mut Solved,
    ) -> Result<(), LeaseError> {
        tell(turn, job.hostnames.len(), solved).await
    }
}

/// Writes what was done. Idempotent.
async fn tell(turn: &Turn, total: usize, solved: &mut Solved) -> Result<(), LeaseError> {
    let step = |it: &Hostname| Step { stage: Stage::Done, ..Step::waiting(it.clone()) };
    let steps: Vec<Step> = solved.done.iter().map(step).collect();
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let report = Report {
        done: count(steps.len()),
        total: count(total),
        lines: &solved.lines,
        steps: &steps,
        ..Report::default()
    };
    turn.lease.advance(&report).await?;
    solved.lines.clear();
    Ok(())
}

impl Provisioner {
    async fn attempt_at(&self, way: Way<'_>, turn: &Turn) -> Result<Attempt<Solved>, Trouble> {
        match self.solve(way, turn).await {
            Err(error) if turn.held.stop().is_none() => Ok(error.passing()?.into()),
            attempt => Ok(attempt?),
        }
    }

    /// Finds a way out of a conflict.
    async fn solve(&self, way: Way<'_>, turn: &Turn) -> Result<Attempt<Solved>, WorkError> {
        if turn.operation.cancel_requested {
            return Ok(Ended::Cancelled.into());
        }
        // One that was cut off goes on: it has the time that it needs.
        let workspace = self.workspace(turn.held.work_limit()).await?;
        workspace.recover().await?;
        // Terraform can't be prepared with such a file in place.
        workspace.set_unreadable_aside()?;
        workspace.prepare(&self.parts.variables).await?;
        let look = self.look(&workspace).await?;
        if let Some(stop) = turn.held.stop() {
            return Ok(Ended::stopped_by(stop).into());
        }
        let id = turn.operation.id;
        let solved = match (&look.doubt, way) {
            (None, Way::GiveUp(hostnames)) => held_again(&look, hostnames).into(),
            (None, Way::BringBack) => Ended::Succeeded.into(),
            (Some(doubt), _) if doubt.fault == Fault::Unreadable => {
                Ended::failed(unreadable(&workspace)).into()
            }
            (Some(doubt), Way::GiveUp(hostnames)) => {
                self.give_up(id, &workspace, &look, doubt, hostnames).await?
            }
            (Some(doubt), Way::BringBack) => self.bring_back(&workspace, &look, doubt).await?,
        };
        match self.take(&workspace).await {
            Ok(_) => Ok(solved),
            Err(WorkError::Doubted(doubt)) => {
                self.record(id, &doubt).await?;
                Ok(match solved.ended {
                    Ended::Succeeded | Ended::SucceededBut(_) => {
                        Attempt { ended: Ended::failed(doubt.to_string()), ..solved }
                    }
                    _ => solved,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Notes what an operation found wrong with the state, for its page to offer the ways out.
    pub(super) async fn record(&self, id: OperationId, doubt: &Doubt) -> Result<(), DbError> {
        let ProvisionerParts { scope, .. } = &self.parts;
        state::record_conflict(scope, id, doubt.fault, &doubt.lacking).await
    }

    async fn bring_back(
        &self,
        workspace: &Workspace,
        look: &Look,
        doubt: &Doubt,
    ) -> Result<Attempt<Solved>, WorkError> {
        let ProvisionerParts { scope, .. } = &self.parts;
        let copy = workspace.kept_copy();
        let seen = look.seen.as_ref();
        let pieces =
            Pieces { found: &look.raw, copy: copy.as_deref(), seen, provider: &workspace.provider };
        let removed = state::removed_among(scope, &pieces.vms()).await?;
        let mended = mend(&pieces, &look.existing, &removed)?;
        let (found, lost): (Vec<_>, Vec<_>) = mended
            .lost
            .into_iter()
            .partition(|lost| look.strays.iter().any(|it| it.hostname == *lost));
        if mended.state.holds_nothing() && !lost.is_empty() {
            return Ok(Ended::failed(in_no_copy(&lost)).into());
        }
        workspace.replace_state(&mended.state, doubt.found.as_ref()).await?;
        for stray in look.strays.iter().filter(|it| found.contains(&it.hostname)) {
            let now = self.look(workspace).await?;
            // Of several machines of one name, one comes back.
            if !now.state.contains(&stray.hostname) {
                let vms = now.state.hostnames().chain([&stray.hostname]).cloned().collect();
                workspace.import(stray, &vms).await?;
                state::adopted(scope, &stray.hostname, &stray.id).await?;
            }
        }
        let back = |it: &&Hostname| !lost.contains(it);
        let done: Vec<Hostname> = doubt.lacking.iter().filter(back).cloned().collect();
        let told = |it| (LogLevel::Info, format!("{it} is in Terraform's state again."));
        let lines = done.iter().map(told).collect();
        let ended = match &lost[..] {
            [] => Ended::Succeeded,
            lost => Ended::failed(in_no_copy(lost)),
        };
        Ok(Attempt { ended, left: Solved { lines, done } })
    }

    async fn give_up(
        &self,
        id: OperationId,
        workspace: &Workspace,
        look: &Look,
        doubt: &Doubt,
        named: &[Hostname],
    ) -> Result<Attempt<Solved>, WorkError> {
        let ProvisionerParts { scope, .. } = &self.parts;
        // A VM that was not named then may not be given up now.
        if doubt.lacking.iter().any(|it| !named.contains(it)) {
            return Ok(Ended::failed(doubt.to_string()).into());
        }
        let mut elsewhere = Vec::new();
        let mut lines = Vec::new();
        for hostname in &doubt.lacking {
            match workspace.end_lost(hostname, look).await {
                Ok(()) => {}
                Err(stopped @ WorkError::Step(StepError::Stopped { .. })) => return Err(stopped),
                Err(error) => {
                    let reason = format!(
                        "{hostname} could not be removed, and no VM was given up: {} Put that right, \
                         then try again.",
                        chain(&error)
                    );
                    return Ok(Ended::failed(reason).into());
                }
            }
            let vm = vms::find(scope, hostname).await?;
            let found = look.strays.iter().any(|it| it.hostname == *hostname);
            if !found && vm.is_some_and(|vm| vm.source == Source::Aws) {
                elsewhere.push(hostname.clone());
            }
            lines.push((LogLevel::Info, format!("{hostname} was given up.")));
        }
        state::give_up(scope, id, &doubt.lacking, look.state.version.as_ref()).await?;
        let ended = if elsewhere.is_empty() {
            Ended::Succeeded
        } else {
            Ended::SucceededBut(format!(
                "{} may still run in the cloud, and cost: look for it there by its name, and end it.",
                listed(&elsewhere)
            ))
        };
        Ok(Attempt { ended, left: Solved { lines, done: doubt.lacking.clone() } })
    }
}

/// Somebody else put it right, or this was done before and only its end was not written.
fn held_again(look: &Look, named: &[Hostname]) -> Ended {
    let held: Vec<Hostname> = named.iter().filter(|it| look.state.contains(it)).cloned().collect();
    if held.is_empty() {
        return Ended::Succeeded;
    }
    Ended::failed(format!(
        "Terraform's state has {} again, so no VM was given up. Destroy it if it is to go.",
        listed(&held)
    ))
}

fn in_no_copy(lost: &[Hostname]) -> String {
    format!(
        "No copy of Terraform's state holds {}. Put a state from a backup, or an earlier version of \
         the bucket's object, in its place and try again; or give up what is still missing.",
        listed(lost)
    )
}

fn unreadable(workspace: &Workspace) -> String {
    let place = match &workspace.backend {
        Backend::File(path) => path.display().to_string(),
        Backend::S3 { bucket, key, .. } => format!("s3://{bucket}/{key}"),
    };
    format!(
        "What is at {place} is no state of Terraform's, and Terraform does not write over it. \
         Restore an earlier version, or delete it; then try again."
    )
}
