use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::sync::Notify;

use super::listing::Listing;

/// How far the work on one VM has come, to be looked at from time to time.
#[derive(Debug)]
pub(super) struct VmProgress {
    /// Files that it has, and the bytes that they take in an archive.
    pub found_files: AtomicU64,
    pub found_bytes: AtomicU64,
    /// What is left out and may be meant.
    pub skipped: AtomicU64,
    /// Files that have come, and bytes, of files in the middle too.
    pub files: AtomicU64,
    pub bytes: AtomicU64,
    doing: Mutex<Doing>,
    begun: Arc<Notify>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Waiting,
    Listing,
    Fetching,
    Over,
}

impl VmProgress {
    /// `begun` is told when the first file begins to come.
    pub fn new(begun: Arc<Notify>) -> Self {
        Self {
            found_files: AtomicU64::new(0),
            found_bytes: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            doing: Mutex::new(Doing::Waiting),
            begun,
        }
    }

    pub fn found(&self, listing: &Listing) {
        self.found_files.store(listing.files.len() as u64, Relaxed);
        self.found_bytes.store(listing.cost(), Relaxed);
        self.skipped.store(listing.skipped.count, Relaxed);
    }

    pub fn begin_file(&self) {
        self.begun.notify_one();
    }

    pub fn set(&self, doing: Doing) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = doing;
    }

    pub fn doing(&self) -> Doing {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
