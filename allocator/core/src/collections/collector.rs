use std::{future::Future, io, path::PathBuf, pin::Pin};

use lablink_protocol::Hostname;
use tokio::sync::mpsc;

use crate::{DbError, ids::OperationId, pools::Extension};

/// What to collect.
#[derive(Clone, Debug)]
pub struct Wish {
    /// None: from every VM.
    pub hostnames: Option<Vec<Hostname>>,
    pub extension: Extension,
}

/// An archive that is being made while it is read.
#[derive(Debug)]
pub struct Archive {
    /// As in `lablink_data20261121_174504.zip`.
    pub name: String,
    /// Its bytes, in order. An error ends it: what came before is no whole archive.
    pub chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
}

/// Why there is no archive. The first two sentences are the original's.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error("No VMs found in the database.")]
    NoVms,
    #[error("No {0} files found in any VMs.")]
    NoFiles(Extension),
    /// What was left out, by VM.
    #[error(
        "No {0} files found in any VMs, but what may be results was left out. {1} Copy what is \
         meant to where results lie, and try again."
    )]
    OnlySkipped(Extension, String),
    /// Not one VM has a file to give, and some could not be asked: which, and why.
    #[error("No file could be collected. {0}")]
    OutOfReach(String),
    #[error("The results could not be collected: {0}")]
    Failed(#[from] io::Error),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Reads VMs' files and makes archives of them.
pub trait Collector: Send + Sync {
    /// Collects now, for a caller that waits. The archive starts with the first file that was
    /// found. Dropping the archive ends the work.
    fn collect<'a>(
        &'a self,
        wish: &'a Wish,
    ) -> Pin<Box<dyn Future<Output = Result<Archive, CollectError>> + Send + 'a>>;

    /// Where the archive of a finished operation lies, if that is on this machine.
    fn kept(&self, operation: OperationId) -> Option<PathBuf>;

    /// Removes it from the disk, if it is there.
    fn discard(&self, operation: OperationId) -> io::Result<()>;
}
