use lablink_core::{
    Db, DbError, agents, chain,
    operations::{self, LeaseError, Outcome, Reboot, Standing, Target},
    pools::PoolId,
    vms,
    worker::{Attempt, Ended, Limit, Runner, Trouble, Turn},
};
use lablink_protocol::Hostname;

use super::{LocalVms, StepError};

/// Reboots local VMs: their agents are stopped, with all that they started, and start again.
pub struct Reboots {
    pub db: Db,
    pub pool: PoolId,
    pub vms: LocalVms,
}

/// Whether the reboot is still to be written into the VM's history.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Rebooted {
    #[default]
    No,
    Untold,
}

impl Runner<Reboot> for Reboots {
    type Left = Rebooted;

    /// Idempotent: one that was left in the middle is done again.
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
        let vm = vms::find(&self.db, self.pool, hostname).await?;
        let (Some(Target { vm_id, .. }), Some(vm)) = (target, vm) else {
            return Ok(Ended::failed(format!("{hostname} is gone.")).into());
        };
        // Who removes it waits until this is over.
        if vm.removing {
            let reason = format!("{hostname} was not rebooted: it is about to be removed.");
            return Ok(Ended::failed(reason).into());
        }
        match self.reboot(hostname, vm_id, &turn.work_limit()).await? {
            Ok(()) => Ok(Attempt { ended: Ended::Succeeded, left: Rebooted::Untold }),
            Err(error) => {
                let reason = chain(&error);
                vms::start_failed(&self.db, self.pool, hostname, &reason).await?;
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
        if *left == Rebooted::Untold {
            operations::rebooted(&self.db, turn.operation.id).await?;
            *left = Rebooted::No;
        }
        Ok(())
    }
}

impl Reboots {
    /// One that never enrolled gets another chance.
    async fn reboot(
        &self,
        hostname: &Hostname,
        vm_id: i64,
        limit: &Limit,
    ) -> Result<Result<(), StepError>, DbError> {
        let token = agents::issue_to_newcomer(&self.db, self.pool, vm_id, hostname).await?;
        Ok(self.vms.reboot(hostname, token.as_ref(), limit).await)
    }
}
