//! The ways out of a conflict with the state, as an organiser chose: what it has lost is put back
//! into it, or is let go of. Both look again first, so that being done twice, or half and then
//! again, changes nothing.

use lablink_core::{
    DbError,
    operations::{Job, LogLevel, OperationId, Report, Stage, Step},
    pools::Source,
    state::{self, Fault},
    vms,
};
use lablink_protocol::Hostname;

use super::{
    Backend, Provisioner, ProvisionerParts, StepError, Workspace,
    provisioner::{WorkError, chain},
    state::{Doubt, Look, Pieces, listed, mend},
};
use crate::worker::{Ended, Limit, Turn, outcome};

/// How a way out ended, and what is to be said of it.
struct Solved {
    ended: Ended,
    lines: Vec<(LogLevel, String)>,
    done: Vec<Hostname>,
    /// What the organiser has to know though all went well.
    note: Option<String>,
}

impl From<Ended> for Solved {
    fn from(ended: Ended) -> Self {
        Self { ended, lines: Vec::new(), done: Vec::new(), note: None }
    }
}

fn failed(reason: String) -> Solved {
    Ended::Failed { exit_code: None, reason }.into()
}

impl Provisioner {
    /// Carries out a way out of a conflict, to a written end.
    pub(crate) async fn solve(&self, job: &Job, turn: &mut Turn) {
        let id = turn.operation.id;
        let solved = loop {
            let error = match (self.try_to_solve(job, turn).await, turn.held.stop()) {
                (Ok(solved), _) => break solved,
                (Err(_), Some(stop)) => break Ended::stopped_by(stop).into(),
                (Err(error), None) => error,
            };
            if let WorkError::Db(refused) = &error
                && turn.waits_for(refused).await
            {
                continue;
            }
            let reason = chain(&error);
            tracing::error!(operation.id = %id, reason, "the conflict could not be solved");
            break failed(reason);
        };
        let Some(mut outcome) = outcome(&solved.ended) else { return };
        outcome.reason = outcome.reason.or(solved.note);
        let steps: Vec<Step> = solved
            .done
            .into_iter()
            .map(|hostname| Step { stage: Stage::Done, ..Step::waiting(hostname) })
            .collect();
        let done = i32::try_from(steps.len()).unwrap_or(i32::MAX);
        let total = i32::try_from(job.hostnames().len()).unwrap_or(i32::MAX);
        let report = Report { done, total, lines: &solved.lines, steps: &steps };
        loop {
            let written = match turn.lease.advance(&report).await {
                Ok(()) => turn.lease.finish(&outcome).await,
                Err(error) => Err(error),
            };
            if !turn.again(written).await {
                return;
            }
        }
    }

    async fn try_to_solve(&self, job: &Job, turn: &Turn) -> Result<Solved, WorkError> {
        if turn.operation.cancel_requested {
            return Ok(Ended::Cancelled.into());
        }
        // One that was cut off goes on: it has the time that it needs.
        let limit = turn.held.work_limit();
        let workspace = self.workspace(limit.clone()).await?;
        workspace.recover().await?;
        // Over such a file Terraform can't be prepared.
        workspace.set_unreadable_aside()?;
        workspace.prepare(&self.parts.variables).await?;
        let look = self.look(&workspace).await?;
        if let Some(stop) = turn.held.stop() {
            return Ok(Ended::stopped_by(stop).into());
        }
        let id = turn.operation.id;
        let solved = match (&look.doubt, job) {
            (None, Job::GiveUp { hostnames }) => held_again(&look, hostnames),
            (None, _) => Ended::Succeeded.into(),
            (Some(doubt), _) if doubt.fault == Fault::Unreadable => failed(unreadable(&workspace)),
            (Some(doubt), Job::GiveUp { hostnames }) => {
                self.give_up(id, &look, doubt, hostnames, &limit).await?
            }
            (Some(doubt), _) => self.bring_back(&workspace, &look, doubt).await?,
        };
        match self.take(&workspace).await {
            Ok(_) => Ok(solved),
            Err(WorkError::Doubted(doubt)) => {
                self.record(id, &doubt).await?;
                Ok(match solved.ended {
                    Ended::Succeeded => Solved {
                        ended: Ended::Failed { exit_code: None, reason: doubt.to_string() },
                        ..solved
                    },
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
    ) -> Result<Solved, WorkError> {
        let ProvisionerParts { scope, local, .. } = &self.parts;
        let copy = workspace.kept_copy();
        let seen = look.seen.as_ref();
        let pieces = Pieces { found: &look.raw, copy: copy.as_deref(), seen, local };
        let removed = state::removed_among(scope, &pieces.vms()).await?;
        let mended = mend(&pieces, &look.existing, &removed)?;
        if mended.state.holds_nothing() && !mended.lost.is_empty() {
            return Ok(failed(in_no_copy(&mended.lost)));
        }
        workspace.replace_state(&mended.state, doubt.found.as_ref()).await?;
        let back = |it: &&Hostname| !mended.lost.contains(it);
        let done: Vec<Hostname> = doubt.lacking.iter().filter(back).cloned().collect();
        let told = |it| (LogLevel::Info, format!("{it} is in Terraform's state again."));
        let lines = done.iter().map(told).collect();
        let ended = match &mended.lost[..] {
            [] => Ended::Succeeded,
            lost => Ended::Failed { exit_code: None, reason: in_no_copy(lost) },
        };
        Ok(Solved { ended, lines, done, note: None })
    }

    async fn give_up(
        &self,
        id: OperationId,
        look: &Look,
        doubt: &Doubt,
        named: &[Hostname],
        limit: &Limit,
    ) -> Result<Solved, WorkError> {
        let ProvisionerParts { scope, local, .. } = &self.parts;
        // What was not named then is nobody's to give up now.
        if doubt.lacking.iter().any(|it| !named.contains(it)) {
            return Ok(failed(doubt.to_string()));
        }
        let mut elsewhere = Vec::new();
        let mut lines = Vec::new();
        for hostname in &doubt.lacking {
            match local.remove(hostname, limit).await {
                Ok(()) => {}
                Err(stopped @ StepError::Stopped { .. }) => return Err(stopped.into()),
                Err(error) => {
                    return Ok(failed(format!(
                        "{hostname} could not be removed from this machine, and no VM was given up: \
                         {} Put that right, then try again.",
                        chain(&error)
                    )));
                }
            }
            let vm = vms::find(scope, hostname).await?;
            if vm.is_some_and(|vm| vm.source == Source::Aws) {
                elsewhere.push(hostname.clone());
            }
            lines.push((LogLevel::Info, format!("{hostname} was given up.")));
        }
        state::give_up(scope, id, &doubt.lacking, look.state.version.as_ref()).await?;
        let note = (!elsewhere.is_empty()).then(|| {
            format!(
                "{} may still run in the cloud, and cost: look for it there by its name, and end it.",
                listed(&elsewhere)
            )
        });
        Ok(Solved { ended: Ended::Succeeded, lines, done: doubt.lacking.clone(), note })
    }
}

/// Somebody else put it right, or this was done before and only its end was not written.
fn held_again(look: &Look, named: &[Hostname]) -> Solved {
    let held: Vec<Hostname> = named.iter().filter(|it| look.state.contains(it)).cloned().collect();
    if held.is_empty() {
        return Ended::Succeeded.into();
    }
    failed(format!(
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
