use std::{ffi::OsString, path::PathBuf};

/// EC2 instances: what the `terraform/aws` module needs to know besides the runtime variables.
#[derive(Clone, Debug)]
pub struct AwsVms {
    /// The organiser's script, which VMs run before they are ready.
    pub startup_script: Option<PathBuf>,
}

impl AwsVms {
    pub(super) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let script = self.startup_script.clone();
        script.map(|path| ("TF_VAR_custom_startup_script_path", path.into())).into_iter().collect()
    }
}
