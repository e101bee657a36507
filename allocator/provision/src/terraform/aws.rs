use std::{ffi::OsString, fmt, path::PathBuf, sync::Arc};

use lablink_core::aws::{CloudMachines, Owner};

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

impl AwsVms {
    pub(super) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let script = self.startup_script.clone();
        let script = script.map(|path| ("TF_VAR_custom_startup_script_path", path.into()));
        let deployment = self.owner.deployment.clone();
        let deployment = deployment.map(|name| ("TF_VAR_deployment_name", name.into()));
        script.into_iter().chain(deployment).collect()
    }
}

impl fmt::Debug for AwsVms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsVms").field("owner", &self.owner).finish_non_exhaustive()
    }
}
