use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
};

use lablink_core::state::Version;
use serde_json::json;

use super::mend::Whole;
use crate::terraform::{Workspace, provisioner::WorkError};

/// What is about to take the place of a state that can't be true.
const MENDED: &str = "mended.tfstate";

impl Workspace {
    /// Hands a mended state to its backend, in place of the one that was found there.
    pub(in crate::terraform) async fn replace_state(
        &self,
        mended: &Whole,
        found: Option<&Version>,
    ) -> Result<(), WorkError> {
        let path = self.directory.join(MENDED);
        self.write_private(json!(mended).to_string().as_bytes())?;
        let mut push = vec!["state", "push", "-no-color", "-lock-timeout=10s"];
        // Terraform itself puts no state over one of another history.
        if found.is_some_and(|found| found.lineage != mended.lineage) {
            push.push("-force");
        }
        push.push(MENDED);
        let pushed = self.briefly(&push).await;
        fs::remove_file(path)?;
        pushed?;
        Ok(())
    }

    /// For us alone: a state holds keys.
    fn write_private(&self, state: &[u8]) -> io::Result<()> {
        let path = self.directory.join(MENDED);
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(state)
    }
}
