use lablink_core::{
    DbError, Scope, agents, chain,
    operations::{self, LeaseError, Outcome, Reboot, Standing, Target},
    vms::{self, VmId},
    worker::{Attempt, Ended, Limit, Runner, Trouble, Turn},
};
use lablink_protocol::Hostname;

use super::{LocalVms, StepError};

/// Reboots local VMs: their agents are stopped, with all that they started, and start again.
pub struct Reboots {
    pub scope: Scope,
    pub vms: LocalVms,
}

/// The VM whose reboot is still to be written into its history.
#[derive(Debug, Default)]
pub struct Rebooted(Option<VmId>);

impl Runner<Reboot> for Reboots {
    type Left = Rebooted;

    /// Idempotent: a reboot that was cut off is done again.
    async fn attempt(
        &self,
        Reboot { hostname }: &Reboot,
        turn: &mut Turn,
    ) -> Result<Attempt<Rebooted>, Trouble> {
        if turn.operation.cancel_requested {
            return Ok(Ended::Cancelled.into());
        }
        let targets = turn.lease.begin().await?;
        let target = targets.into_iter().find(|it| it.standing == Standing::Included);
        let vm = vms::find(&self.scope, hostname).await?;
        let (Some(Target { vm_id, .. }), Some(vm)) = (target, vm) else {
            return Ok(Ended::failed(format!("{hostname} is gone.")).into());
        };
        // An operation that removes it waits until this is over.
        if vm.removing {
            let reason = format!("{hostname} was not rebooted: it is about to be removed.");
            return Ok(Ended::failed(reason).into());
        }
        match self.reboot(hostname, vm_id, &turn.work_limit()).await? {
            Ok(()) => Ok(Attempt { ended: Ended::Succeeded, left: Rebooted(Some(vm_id)) }),
            Err(error) => {
                let reason = chain(&error);
                vms::start_failed(&self.scope, hostname, &reason).await?;
                Err(Trouble::Other(format!("{hostname} could not be rebooted: {reason}")))
            }
        }
    }

    async fn settle(
        &self,
        _job: &Reboot,
        turn: &Turn,
        _outcome: &Outcome,
        left: &mut Rebooted,
    ) -> Result<(), LeaseError> {
        if let Rebooted(Some(vm_id)) = left {
            operations::rebooted(&self.scope, turn.operation.id, *vm_id).await?;
            *left = Rebooted(None);
        }
        Ok(())
    }
}

impl Reboots {
    /// One that never enrolled gets another chance.
    async fn reboot(
        &self,
        hostname: &Hostname,
        vm_id: VmId,
        limit: &Limit,
    ) -> Result<Result<(), StepError>, DbError> {
        let token = agents::issue_to_newcomer(&self.scope, vm_id, hostname).await?;
        Ok(self.vms.reboot(hostname, token.as_ref(), limit).await)
    }
}
