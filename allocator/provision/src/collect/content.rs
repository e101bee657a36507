use std::{
    fs::File,
    io::{self, Seek},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::{
    coming::{ComingError, piece},
    room::Room,
};

/// A file that has come from a VM, whole.
pub(super) enum Content {
    /// With its share of the memory that all of them have.
    Memory(Vec<u8>, OwnedSemaphorePermit),
    /// In a file without a name, which goes with us.
    Spooled(File),
}

/// Where files stay that can't go straight into the archive: small ones, until it is known whether
/// they are whole, and large ones that would hold up other VMs.
#[derive(Clone)]
pub(super) struct Spool {
    room: Room,
    memory: Arc<Semaphore>,
}

/// Larger files don't stay in memory.
const LARGEST_IN_MEMORY: u64 = 1024 * 1024;
/// The memory for all files together.
const MEMORY: usize = 16 * 1024 * 1024;
/// Memory is shared out in pieces of this size.
const UNIT: u64 = 1024;

impl Spool {
    pub fn new(room: Room) -> Self {
        Self { room, memory: Arc::new(Semaphore::new(MEMORY / 1024)) }
    }

    /// Memory for a file of this size. Never waits: who waited for others' files to be written,
    /// while they wait for this one, would wait for ever.
    pub fn share(&self, size: u64) -> Option<OwnedSemaphorePermit> {
        if size > LARGEST_IN_MEMORY {
            return None;
        }
        let units = u32::try_from(size.div_ceil(UNIT).max(1)).ok()?;
        Arc::clone(&self.memory).try_acquire_many_owned(units).ok()
    }

    /// Takes `size` bytes to the disk, and counts them as they come.
    pub async fn to_disk(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        size: u64,
        counter: &AtomicU64,
    ) -> Result<Content, ComingError> {
        let mut share = self.room.set_aside(size)?;
        let file = tempfile::tempfile_in(self.room.directory()).map_err(ComingError::Disk)?;
        let mut file = tokio::fs::File::from_std(file);
        let mut left = size;
        while left > 0 {
            let bytes = piece(from, left, counter).await?;
            let count = bytes.len() as u64;
            share.spend(count)?;
            file.write_all(&bytes).await.map_err(ComingError::Disk)?;
            left -= count;
        }
        file.flush().await.map_err(ComingError::Disk)?;
        let mut file = file.into_std().await;
        file.rewind().map_err(ComingError::Disk)?;
        Ok(Content::Spooled(file))
    }
}

impl Content {
    /// Takes `size` bytes into memory, and counts them.
    pub async fn in_memory(
        from: &mut (impl AsyncRead + Unpin),
        size: u64,
        share: OwnedSemaphorePermit,
        counter: &AtomicU64,
    ) -> Result<Self, ComingError> {
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        from.read_exact(&mut bytes).await.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ComingError::Short,
            _ => ComingError::Read(error),
        })?;
        counter.fetch_add(size, Relaxed);
        Ok(Self::Memory(bytes, share))
    }
}
