use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{EmbeddedPostgresError, Result, layout::Layout};

/// Longer than one start may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Held while starting or stopping: one allocator at a time. Let go by dropping, or by the
/// kernel when the process dies.
pub(super) async fn exclusive(layout: &Layout) -> Result<File> {
    let path = layout.start_lock();
    let file = open(&path)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(failed(&path)(error)),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                let data_dir = layout.data_dir().to_owned();
                return Err(EmbeddedPostgresError::Locked { data_dir, after: PATIENCE });
            }
            Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Shared by all who use the server, for as long as they do.
pub(super) struct UsersLock(File);

impl UsersLock {
    /// To be called under the [`exclusive`] lock.
    pub(super) fn join(layout: &Layout) -> Result<Self> {
        let path = layout.users_lock();
        let file = open(&path)?;
        file.lock_shared().map_err(failed(&path))?;
        Ok(Self(file))
    }

    /// Whether nobody is left who uses the server; to be called under the [`exclusive`] lock.
    pub(super) fn leave(self) -> bool {
        self.0.try_lock().is_ok()
    }
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(path).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> EmbeddedPostgresError {
    EmbeddedPostgresError::io(format!("lock {}", path.display()))
}
