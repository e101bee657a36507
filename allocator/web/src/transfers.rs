use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::Problem;

/// How many archives may be on their way from this process at once.
#[derive(Clone)]
pub struct Transfers {
    made: Arc<Semaphore>,
    kept: Arc<Semaphore>,
}

/// Archives that are made while they are read: each asks as many VMs at once as a collection.
const MADE: usize = 2;
/// Archives that lie on the disk.
const KEPT: usize = 16;

impl Default for Transfers {
    fn default() -> Self {
        Self { made: Arc::new(Semaphore::new(MADE)), kept: Arc::new(Semaphore::new(KEPT)) }
    }
}

impl Transfers {
    /// Room for one more archive that is made while it is read, until it is dropped.
    pub(crate) fn begin_made(&self) -> Result<OwnedSemaphorePermit, Problem> {
        begin(&self.made)
    }

    /// Room for one more archive that lies on the disk, until it is dropped.
    pub(crate) fn begin_kept(&self) -> Result<OwnedSemaphorePermit, Problem> {
        begin(&self.kept)
    }
}

fn begin(among: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(among).try_acquire_owned().map_err(|_all_taken| {
        Problem::try_again(
            "too_many_downloads",
            "As many results are being downloaded as LabLink gives at once. Try again when one of \
             these downloads has ended.",
            30,
        )
    })
}
