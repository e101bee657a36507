use std::{io, path::Path};

/// Why a machine could not be cleaned, in words for the organiser.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Unfit(#[from] super::Unfit),
    #[error("the process {pid} ({name}) of its last participant does not end: reboot the machine")]
    Process { pid: i32, name: String },
    #[error("something is mounted at {0}: unmount it")]
    Mounted(String),
    #[error("{deed} {path}: {reason}")]
    File { deed: &'static str, path: String, reason: io::Error },
}

/// Names what was tried, and with what.
pub trait Doing<T> {
    fn doing(self, deed: &'static str, path: &Path) -> Result<T, Failure>;
    /// What is not there need not be dealt with.
    fn doing_if_there(self, deed: &'static str, path: &Path) -> Result<Option<T>, Failure>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, deed: &'static str, path: &Path) -> Result<T, Failure> {
        self.map_err(|reason| Failure::File { deed, path: path.display().to_string(), reason })
    }

    fn doing_if_there(self, deed: &'static str, path: &Path) -> Result<Option<T>, Failure> {
        match self {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            done => done.map(Some).doing(deed, path),
        }
    }
}
