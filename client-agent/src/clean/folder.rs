use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io,
    os::{
        fd::AsRawFd as _,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;

/// A folder that stays the one that was opened, whatever becomes of its path.
pub struct Folder(File);

impl Folder {
    /// Follows no link at the end of the path.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        Ok(Self(OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?))
    }

    /// What is in the folder under this name.
    pub fn at(&self, name: &OsStr) -> PathBuf {
        self.itself().join(name)
    }

    pub fn itself(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }

    pub fn device(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.dev())
    }
}
