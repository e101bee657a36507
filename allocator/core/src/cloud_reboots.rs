//! Reboots of VMs that are instances in a cloud.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    DbError, Scope,
    aws::CloudMachines,
    chain,
    operations::{self, LeaseError, LogLevel, Outcome, Reboot, Report, Standing},
    secrets::AwsLogin,
    vms::{self, Instance, Vm, VmId},
    worker::{Attempt, Ended, Runner, Trouble, Turn},
};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// An agent that is not heard for so long is away: it misses two heartbeats.
const AWAY: Duration = Duration::from_secs(45);

/// Lets the cloud reboot VMs, and waits until their agents speak again.
pub struct CloudReboots {
    pub scope: Scope,
    pub cloud: Arc<dyn CloudMachines>,
    pub aws: Arc<AwsLogin>,
    /// How long an agent may take to be back. An instance that does not answer is reset by EC2 after
    /// four minutes.
    pub patience: Duration,
}

impl Runner<Reboot> for CloudReboots {
    /// The VM whose reboot is still to be written into its history.
    type Left = Option<VmId>;

    async fn attempt(
        &self,
        Reboot { hostname }: &Reboot,
        turn: &mut Turn,
    ) -> Result<Attempt<Option<VmId>>, Trouble> {
        if turn.abandoned {
            // Its participant may be back at work.
            return Ok(Ended::Interrupted { reason: LEFT.to_owned() }.into());
        }
        if turn.operation.cancel_requested {
            return Ok(Ended::Cancelled.into());
        }
        let targets = turn.lease.begin().await?;
        let there = targets.iter().any(|it| it.standing == Standing::Included);
        let vm = match vms::find(&self.scope, hostname).await? {
            Some(vm) if there => vm,
            _ => return Ok(Ended::failed(format!("{hostname} is gone.")).into()),
        };
        // An operation that removes it waits until this is over.
        if vm.removing {
            let reason = format!("{hostname} was not rebooted: it is about to be removed.");
            return Ok(Ended::failed(reason).into());
        }
        let Some(instance) = &vm.instance else {
            let reason = format!("{hostname} was not rebooted: LabLink knows no instance of it.");
            return Ok(Ended::failed(reason).into());
        };
        if let Err(why) = self.ask(instance).await? {
            return Ok(Ended::failed(format!("{hostname} was not rebooted: {why}.")).into());
        }
        let line = format!("AWS was asked to reboot {}.", instance.id);
        let lines = [(LogLevel::Info, line)];
        turn.lease.advance(&Report { total: 1, lines: &lines, ..Report::default() }).await?;
        let ended = self.until_back(&vm, instance, turn).await?;
        Ok(Attempt { ended, left: Some(vm.id) })
    }

    async fn settle(
        &self,
        _job: &Reboot,
        turn: &Turn,
        _outcome: &Outcome,
        left: &mut Option<VmId>,
    ) -> Result<(), LeaseError> {
        if let Some(vm_id) = *left {
            operations::rebooted(&self.scope, turn.operation.id, vm_id).await?;
            *left = None;
        }
        Ok(())
    }
}

const LEFT: &str = "The allocator stopped in the middle. AWS may have been asked for the reboot \
                    already: look whether the VM is back before you ask for another.";

impl CloudReboots {
    /// Asks the cloud for it. An error is why it did not do it.
    async fn ask(&self, instance: &Instance) -> Result<Result<(), String>, DbError> {
        let keys = match self.aws.session(&self.scope).await {
            Ok(keys) => keys,
            Err(error) => return error.unless_db().map(Err),
        };
        let ids = std::slice::from_ref(&instance.id);
        Ok(self.cloud.reboot(keys.as_ref(), ids).await.map_err(|error| chain(&error)))
    }

    /// Waits for the agent, and says how it went.
    async fn until_back(
        &self,
        before: &Vm,
        instance: &Instance,
        turn: &Turn,
    ) -> Result<Ended, DbError> {
        let hostname = &before.hostname;
        if before.last_seen.is_none() {
            let note = "AWS reboots it. Its agent sends no heartbeats, so nobody can say when it is \
                        back.";
            return Ok(Ended::SucceededBut(note.to_owned()));
        }
        let begun = Instant::now();
        let back = tokio::select! {
            back = timeout(self.patience, self.heard_again(before)) => back,
            stop = turn.held.stopped(None) => return Ok(Ended::stopped_by(stop)),
        };
        match back {
            Ok(Ok(())) => {
                let seconds = begun.elapsed().as_secs();
                Ok(Ended::SucceededBut(format!("It came back after {seconds} s.")))
            }
            Ok(Err(error)) => Err(error),
            Err(_elapsed) => {
                let minutes = self.patience.as_secs() / 60;
                let said = self.said_of(instance).await?;
                Ok(Ended::failed(format!(
                    "AWS was asked to reboot {hostname}, and its agent has not come back within \
                     {minutes} min. {said}"
                )))
            }
        }
    }

    /// Waits until the agent speaks after a new start.
    async fn heard_again(&self, before: &Vm) -> Result<(), DbError> {
        let mut watch = Return::of(before);
        loop {
            sleep(LOOK_EVERY).await;
            match vms::find(&self.scope, &before.hostname).await {
                Ok(Some(vm)) if vm.id == before.id && watch.is_back(&vm) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.is_away() || error.is_contended() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What the cloud says of an instance that does not come back.
    async fn said_of(&self, instance: &Instance) -> Result<String, DbError> {
        let keys = match self.aws.vault.keys(&self.scope).await {
            Ok(keys) => keys,
            Err(error) => return Ok(chain(&error)),
        };
        let told = self.cloud.how_are(keys.as_ref(), std::slice::from_ref(&instance.id)).await;
        Ok(match told {
            Ok(told) => match told.get(&instance.id) {
                Some(told) => told.finding.words().unwrap_or_else(|| FINE.to_owned()),
                None => "AWS knows this instance no more.".to_owned(),
            },
            Err(error) => chain(&error),
        })
    }
}

const FINE: &str = "AWS sees nothing wrong with it: its log may say more.";

/// Tells an agent's first word after a new start from its last ones before.
struct Return {
    run: Option<String>,
    last_seen: Option<Timestamp>,
    /// Since when nothing new was heard.
    quiet_since: Instant,
    /// Of an agent that does not tell its runs apart: it has said goodbye, or was silent.
    was_away: bool,
}

impl Return {
    fn of(vm: &Vm) -> Self {
        let (quiet_since, was_away) = (Instant::now(), vm.stopped);
        Self { run: run(vm), last_seen: vm.last_seen, quiet_since, was_away }
    }

    fn is_back(&mut self, vm: &Vm) -> bool {
        let is_new = vm.last_seen > self.last_seen;
        self.was_away |= vm.stopped || self.quiet_since.elapsed() > AWAY;
        if is_new {
            (self.last_seen, self.quiet_since) = (vm.last_seen, Instant::now());
        }
        let is_other = match (&self.run, run(vm)) {
            (Some(before), Some(now)) => *before != now,
            _ => self.was_away,
        };
        is_new && !vm.stopped && is_other
    }
}

/// The agent's own word for this run of it.
fn run(vm: &Vm) -> Option<String> {
    vm.vitals.as_ref()?["run"].as_str().map(str::to_owned)
}
