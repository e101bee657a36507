use std::{ffi::OsString, fmt, path::PathBuf, sync::Arc};

use lablink_core::aws::{CloudMachines, Owner};

/// EC2 instances: what the `terraform/aws` module needs to know besides the runtime variables, and
/// what AWS itself is asked about them.
#[derive(Clone)]
pub struct AwsVms {
    pub startup_script: Option<StartupScript>,
    /// Whose the instances are.
    pub owner: Owner,
    pub api: Arc<dyn CloudMachines>,
}

/// The organiser's script, which VMs run before they are ready.
#[derive(Clone, Debug)]
pub struct StartupScript {
    pub path: PathBuf,
    /// How often it is tried.
    pub attempts: u32,
    /// A command that must end with 0 after it; empty: none.
    pub success_check: String,
}

impl AwsVms {
    pub(super) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let mut variables = Vec::new();
        if let Some(StartupScript { path, attempts, success_check }) = &self.startup_script {
            variables.push(("TF_VAR_custom_startup_script_path", path.into()));
            variables.push(("TF_VAR_startup_attempts", attempts.to_string().into()));
            variables.push(("TF_VAR_startup_success_check", success_check.into()));
        }
        if let Some(name) = &self.owner.deployment {
            variables.push(("TF_VAR_deployment_name", name.into()));
        }
        variables
    }
}

impl fmt::Debug for AwsVms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsVms").field("owner", &self.owner).finish_non_exhaustive()
    }
}
