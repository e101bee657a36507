use std::{collections::BTreeSet, ffi::OsString, fmt, path::PathBuf, sync::Arc};

use lablink_core::{
    aws::{AwsKeys, CloudError, CloudMachines, Owner},
    operations::OperationId,
};
use lablink_protocol::Hostname;

use super::state::State;

/// EC2 instances: what the `terraform/aws` module needs to know besides the runtime variables, and
/// what AWS itself is asked about them.
#[derive(Clone)]
pub struct AwsVms {
    /// The organiser's script, which VMs run before they are ready.
    pub startup_script: Option<PathBuf>,
    /// Whose the instances are.
    pub owner: Owner,
    pub api: Arc<dyn CloudMachines>,
}

/// A machine that is there, and that Terraform's state does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stray {
    pub id: String,
    pub hostname: Hostname,
    /// What made it, as its tag says.
    pub operation: Option<OperationId>,
    pub standing: StrayStanding,
}

/// What the state says of a stray's VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StrayStanding {
    /// Nothing.
    Unknown,
    /// It names an instance that is gone.
    Gone,
    /// It names another instance, which is there as well.
    Double,
}

impl AwsVms {
    pub(super) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let script = self.startup_script.clone();
        let script = script.map(|path| ("TF_VAR_custom_startup_script_path", path.into()));
        let deployment = self.owner.deployment.clone();
        let deployment = deployment.map(|name| ("TF_VAR_deployment_name", name.into()));
        script.into_iter().chain(deployment).collect()
    }

    /// The instances of this deployment that its state does not know.
    pub(super) async fn strays(
        &self,
        keys: Option<&AwsKeys>,
        state: &State,
    ) -> Result<Vec<Stray>, CloudError> {
        let machines = self.api.machines(keys, &self.owner).await?;
        let there: BTreeSet<&str> = machines.iter().map(|it| &*it.id).collect();
        let known = |name: &Hostname| state.instances().find(|(known, _)| *known == name);
        let strays = machines.iter().filter_map(|machine| {
            // What has no hostname of ours is nobody's VM.
            let hostname = machine.name.parse().ok()?;
            let standing = match known(&hostname) {
                Some((_, known)) if known.id == machine.id => return None,
                Some((_, known)) if there.contains(&*known.id) => StrayStanding::Double,
                Some(_) => StrayStanding::Gone,
                None => StrayStanding::Unknown,
            };
            let operation = machine.operation.as_deref().and_then(|id| id.parse().ok());
            Some(Stray { id: machine.id.clone(), hostname, operation, standing })
        });
        Ok(strays.collect())
    }
}

impl fmt::Debug for AwsVms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsVms").field("owner", &self.owner).finish_non_exhaustive()
    }
}
