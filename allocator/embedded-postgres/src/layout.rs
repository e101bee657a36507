use std::path::{Path, PathBuf};

use crate::{EmbeddedPostgresError, Result, passage::make_passage};

/// Where the embedded server's files lie in the allocator's data directory.
pub(super) struct Layout {
    data_dir: PathBuf,
}

impl Layout {
    /// Makes the data directory when missing. Its path becomes absolute and free of links, so that
    /// every allocator derives the same names from it.
    pub(super) fn of(data_dir: &Path) -> Result<Self> {
        let failed = || EmbeddedPostgresError::io(format!("make {}", data_dir.display()));
        make_passage(data_dir).map_err(failed())?;
        Ok(Self { data_dir: data_dir.canonicalize().map_err(failed())? })
    }

    pub(super) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.data_dir.join("postgres")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.data_dir.join("postgres.log")
    }

    pub(super) fn start_lock(&self) -> PathBuf {
        self.data_dir.join("postgres.lock")
    }

    pub(super) fn users_lock(&self) -> PathBuf {
        self.data_dir.join("postgres.users")
    }
}
