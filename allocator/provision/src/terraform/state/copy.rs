//! A copy of the last state that was taken for true.

use std::{io::Write, path::PathBuf};

use tempfile::NamedTempFile;

use crate::terraform::{Backend, Workspace};

impl Workspace {
    /// Beside a state in a file. For a state in a bucket, in the folder that Terraform runs in: on
    /// each machine, the last state that was seen there.
    fn copy_path(&self) -> PathBuf {
        match &self.backend {
            Backend::File(state) => state.with_extension("tfstate.good"),
            Backend::S3 { .. } => self.directory.join("state.good"),
        }
    }

    /// Keeps this state in place of the one before: all of it or nothing, and for us alone, since a
    /// state holds keys.
    pub(in crate::terraform) fn keep_copy(&self, state: &[u8]) -> std::io::Result<()> {
        let path = self.copy_path();
        if std::fs::read(&path).is_ok_and(|kept| kept == state) {
            return Ok(());
        }
        let mut new = NamedTempFile::new_in(path.with_file_name(""))?;
        new.write_all(state)?;
        new.as_file().sync_all()?;
        new.persist(&path)?;
        Ok(())
    }

    /// The copy, if there is one.
    pub(in crate::terraform) fn kept_copy(&self) -> Option<Vec<u8>> {
        std::fs::read(self.copy_path()).ok()
    }
}
