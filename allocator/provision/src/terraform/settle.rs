//! After a run, whatever its end: the rows tell what Terraform's state says.

use lablink_core::{
    Actor, Db, DbError,
    operations::{Job, OperationState, Outcome},
    pools::PoolId,
    vms,
};
use lablink_protocol::Hostname;

use super::{run::Ended, state::State};

/// What the operation's row will say. `None` when it is no longer ours to say anything.
pub(super) fn outcome(ended: Ended) -> Option<Outcome> {
    let (state, exit_code, reason) = match ended {
        Ended::Succeeded => (OperationState::Succeeded, Some(0), None),
        Ended::Failed { exit_code, reason } => (OperationState::Failed, exit_code, Some(reason)),
        Ended::Cancelled => (OperationState::Cancelled, None, Some("It was cancelled.".to_owned())),
        Ended::Interrupted => (
            OperationState::Interrupted,
            None,
            Some("The allocator stopped in the middle. What was done so far was kept.".to_owned()),
        ),
        Ended::LeaseLost => return None,
    };
    Some(Outcome { state, exit_code, reason })
}

/// Brings the rows of the operation's VMs in line with the state.
pub(super) async fn settle(
    db: &Db,
    pool: PoolId,
    actor: &Actor,
    job: &Job,
    outcome: &Outcome,
    state: &State,
) -> Result<(), DbError> {
    let gone: Vec<Hostname> =
        job.hostnames().iter().filter(|name| !state.contains(name)).cloned().collect();
    let reason = outcome.reason.as_deref().unwrap_or("Terraform did not say why.");
    match job {
        // What was never made and is no longer wanted has nothing left to show.
        Job::Launch { .. } if outcome.state == OperationState::Cancelled => {
            vms::remove(db, pool, &gone, actor).await
        }
        Job::Launch { hostnames } => {
            vms::fail_missing(db, pool, hostnames, &state.whole(), reason).await
        }
        Job::Destroy { hostnames } => {
            vms::remove(db, pool, &gone, actor).await?;
            vms::fail_missing(db, pool, hostnames, &state.existing(), reason).await
        }
    }
}
