use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
};

use lablink_core::state::Version;
use serde_json::json;

use super::mend::Whole;
use crate::terraform::{LOCK_TIMEOUT, StepError, Workspace};

/// What is about to take the place of a state that can't be true.
const MENDED: &str = "mended.tfstate";

impl Workspace {
    /// Hands a mended state to its backend, in place of the one that was found there.
    pub(in crate::terraform) async fn replace_state(
        &self,
        mended: &Whole,
        found: Option<&Version>,
    ) -> Result<(), StepError> {
        let failed = |cause| StepError::Io { step: "terraform state push".to_owned(), cause };
        let path = self.directory.join(MENDED);
        self.write_private(json!(mended).to_string().as_bytes()).map_err(failed)?;
        let mut push = vec!["state", "push", "-no-color", LOCK_TIMEOUT];
        // Terraform itself puts no state over one of another history.
        if found.is_some_and(|found| found.lineage != mended.lineage) {
            push.push("-force");
        }
        push.push(MENDED);
        let pushed = self.briefly(&push).await;
        fs::remove_file(path).map_err(failed)?;
        pushed.map(drop)
    }

    /// Readable by our user alone, since a state holds keys.
    fn write_private(&self, state: &[u8]) -> io::Result<()> {
        let path = self.directory.join(MENDED);
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(state)
    }
}
