//! Instances that Terraform's state does not know: a run was cut off after AWS had made them, or the
//! state was lost. They are found by their tags.
//!
//! One that an operation certainly was making comes into the state by itself, with an event. Any other
//! stands in the way of the next operation, whose page offers to bring it back or to give it up.

use std::{collections::BTreeSet, time::Duration};

use lablink_core::{
    aws::{CloudError, Kept},
    state::{self, Fault},
};
use lablink_protocol::Hostname;

use super::{
    Backend, LOCK_TIMEOUT, Provider, Provisioner, StepError, Workspace,
    look::Look,
    state::State,
    stray::{Stray, StrayStanding, Swept},
    work_error::WorkError,
    workspace::RUNTIME_VARIABLES,
};

/// Providers have to start, and AWS to be asked.
const IMPORT: Duration = Duration::from_mins(2);
const FORGET: Duration = Duration::from_mins(1);

impl Provisioner {
    /// Takes instances into the state that an operation was making when it was cut off. Returns
    /// whether the state has changed.
    pub(super) async fn adopt(
        &self,
        workspace: &Workspace,
        look: &Look,
    ) -> Result<bool, WorkError> {
        let is_else_true = match &look.doubt {
            None => true,
            Some(doubt) => match doubt.fault {
                Fault::Incomplete => true,
                Fault::Empty => doubt.found.is_none() && doubt.seen.is_none(),
                Fault::Unreadable | Fault::OtherHistory | Fault::Older => false,
            },
        };
        if !is_else_true || look.strays.is_empty() {
            return Ok(false);
        }
        let scope = &self.parts.scope;
        let made = look.strays.iter().filter_map(|it| Some((it.hostname.clone(), it.operation?)));
        let ours = state::being_made_by(scope, &made.collect::<Vec<_>>()).await?;
        let mut there: BTreeSet<Hostname> = look.state.hostnames().cloned().collect();
        let mut taken = BTreeSet::new();
        for stray in look.strays.iter().filter(|it| ours.contains(&it.hostname)) {
            // Of two that were made for one VM, the second is left over.
            if stray.standing == StrayStanding::Double || !taken.insert(&stray.hostname) {
                continue;
            }
            there.insert(stray.hostname.clone());
            workspace.import(stray, &there).await?;
            state::adopted(scope, &stray.hostname, &stray.id).await?;
            tracing::warn!(
                vm.hostname = %stray.hostname, instance = stray.id,
                "a run was cut off before Terraform noted this instance: it is noted now"
            );
        }
        Ok(!taken.is_empty())
    }

    /// Tells of instances in whose place the state knows another one, there or gone.
    pub(super) async fn tell_of_doubles(&self, look: &Look) -> Result<(), WorkError> {
        for stray in look.strays.iter().filter(|it| it.standing != StrayStanding::Unknown) {
            tracing::error!(
                vm.hostname = %stray.hostname, instance = stray.id,
                "another instance than the one in the state runs under this VM's name: end it in the \
                 AWS console"
            );
            state::doubled(&self.parts.scope, &stray.hostname, &stray.id).await?;
        }
        Ok(())
    }
}

impl Workspace {
    /// Compares the machines that are there with this state.
    pub(super) async fn sweep(&self, state: &State) -> Result<Swept, CloudError> {
        match &self.provider {
            Provider::Aws(aws) => aws.sweep(self.typed.as_ref(), state).await,
            // Their folders tell.
            Provider::Local(_) => Ok(Swept::default()),
        }
    }

    /// Takes an instance into the state. `vms`: all that are in it then, and no others, for the module's
    /// outputs are worked out as well.
    pub(super) async fn import(
        &self,
        stray: &Stray,
        vms: &BTreeSet<Hostname>,
    ) -> Result<(), StepError> {
        let address = format!("aws_instance.vm[\"{}\"]", stray.hostname);
        if stray.standing == StrayStanding::Gone {
            let forget = ["state", "rm", "-no-color", LOCK_TIMEOUT, &address];
            self.step(FORGET, &forget).run().await?;
        }
        self.write_vms(vms)
            .map_err(|cause| StepError::Io { step: "terraform import".to_owned(), cause })?;
        let variables = format!("-var-file={RUNTIME_VARIABLES}");
        let import =
            ["import", "-input=false", "-no-color", LOCK_TIMEOUT, &variables, &address, &stray.id];
        let mut step = self.step(IMPORT, &import);
        step.command.envs(self.provider.variables());
        step.run().await.map(drop)
    }

    /// Ends the machine of a VM that the state has lost, as far as it can be found.
    pub(super) async fn end_lost(&self, hostname: &Hostname, look: &Look) -> Result<(), WorkError> {
        match &self.provider {
            Provider::Local(local) => Ok(local.remove(hostname, &self.limit).await?),
            Provider::Aws(aws) => {
                let theirs = look.strays.iter().filter(|it| it.hostname == *hostname);
                let ids: Vec<String> = theirs.map(|it| it.id.clone()).collect();
                if !ids.is_empty() {
                    aws.api.end(self.typed.as_ref(), &ids).await?;
                }
                Ok(())
            }
        }
    }

    /// Keeps the runtime variables beside a state in a bucket, for whoever runs Terraform by hand
    /// after this machine is lost. An operation does not fail for want of it.
    pub(super) async fn keep_variables(&self, text: String) {
        let (Provider::Aws(aws), Backend::S3 { bucket, key, .. }) = (&self.provider, &self.backend)
        else {
            return;
        };
        let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
        let key = format!("{folder}/{RUNTIME_VARIABLES}");
        let kept = Kept { bucket: bucket.clone(), key, text };
        if let Err(error) = aws.api.keep(self.typed.as_ref(), &kept).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the runtime variables could not be kept in the bucket");
        }
    }
}
