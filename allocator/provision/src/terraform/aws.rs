use std::{ffi::OsString, path::PathBuf};

use lablink_core::operations::OperationId;

/// EC2 instances: what the `terraform/aws` module needs to know besides the runtime variables.
#[derive(Clone, Debug)]
pub struct AwsVms {
    /// The organiser's script, which VMs run before they are ready.
    pub startup_script: Option<PathBuf>,
}

impl AwsVms {
    /// What is made bears the operation's id as a tag, so that it is known even where the state was
    /// never written.
    pub(super) fn variables(&self, operation: OperationId) -> Vec<(&'static str, OsString)> {
        let script = self.startup_script.clone();
        let script = script.map(|path| ("TF_VAR_custom_startup_script_path", path.into()));
        let operation = ("TF_VAR_operation", operation.to_string().into());
        script.into_iter().chain([operation]).collect()
    }
}
