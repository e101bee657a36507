use std::{
    fs::File,
    io::{self, BufRead, Seek},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::room::{Full, Room};

/// A file that has come from a VM, whole.
pub(super) enum Content {
    /// With its share of the memory that all of them have.
    Memory(Vec<u8>, OwnedSemaphorePermit),
    /// In a file without a name, which goes with us.
    Spooled(File),
}

impl Content {
    /// Its bytes, in order.
    pub fn read(self, with: impl FnOnce(&mut dyn BufRead) -> io::Result<()>) -> io::Result<()> {
        match self {
            Self::Memory(bytes, _share) => with(&mut bytes.as_slice()),
            Self::Spooled(file) => with(&mut io::BufReader::with_capacity(BUFFER, file)),
        }
    }
}

/// Where files stay between their VM and the archive, so that a VM that stalls holds up no other.
#[derive(Clone)]
pub(super) struct Spool {
    room: Room,
    memory: Arc<Semaphore>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SpoolError {
    /// The VM's stream is broken.
    #[error(transparent)]
    Read(io::Error),
    #[error("it ended in the middle of a file")]
    Short,
    #[error("the allocator's disk can't take its files: {0}")]
    Disk(io::Error),
    #[error(transparent)]
    Full(Full),
}

/// Larger files go to the disk.
pub(super) const LARGEST_IN_MEMORY: u64 = 1024 * 1024;
/// The memory for all files together.
const MEMORY: usize = 16 * 1024 * 1024;
/// Memory is shared out in pieces of this size.
const PIECE: u64 = 1024;
const BUFFER: usize = 256 * 1024;

impl Spool {
    pub fn new(room: Room) -> Self {
        Self { room, memory: Arc::new(Semaphore::new(MEMORY / 1024)) }
    }

    /// Takes `size` bytes, and counts them as they come.
    pub async fn take(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        size: u64,
        counter: &AtomicU64,
    ) -> Result<Content, SpoolError> {
        if let Some(share) = self.share(size) {
            let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
            match from.read_exact(&mut bytes).await {
                Ok(_) => {
                    counter.fetch_add(size, Relaxed);
                    Ok(Content::Memory(bytes, share))
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Err(SpoolError::Short)
                }
                Err(error) => Err(SpoolError::Read(error)),
            }
        } else {
            self.to_disk(from, size, counter).await.map(Content::Spooled)
        }
    }

    /// Reads `size` bytes that nobody wants.
    pub async fn leave(from: &mut (impl AsyncRead + Unpin), size: u64) -> Result<(), SpoolError> {
        let copied = tokio::io::copy(&mut from.take(size), &mut tokio::io::sink()).await;
        match copied {
            Ok(count) if count == size => Ok(()),
            Ok(_) => Err(SpoolError::Short),
            Err(error) => Err(SpoolError::Read(error)),
        }
    }

    /// Never waits: who waited for others' files to be written, while they wait for this one,
    /// would wait for ever.
    fn share(&self, size: u64) -> Option<OwnedSemaphorePermit> {
        if size > LARGEST_IN_MEMORY {
            return None;
        }
        let pieces = u32::try_from(size.div_ceil(PIECE).max(1)).ok()?;
        Arc::clone(&self.memory).try_acquire_many_owned(pieces).ok()
    }

    async fn to_disk(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        size: u64,
        counter: &AtomicU64,
    ) -> Result<File, SpoolError> {
        let mut share = self.room.set_aside(size).map_err(SpoolError::Full)?;
        let file = tempfile::tempfile_in(self.room.directory()).map_err(SpoolError::Disk)?;
        let mut file = tokio::fs::File::from_std(file);
        let mut buffer = vec![0; BUFFER];
        let mut left = size;
        while left > 0 {
            // Pipes give little at a time; each write is a trip to another thread.
            let most = BUFFER.min(usize::try_from(left).unwrap_or(BUFFER));
            let mut filled = 0;
            while filled < most {
                let read = from.read(&mut buffer[filled..most]).await;
                let count = read.map_err(SpoolError::Read)?;
                if count == 0 {
                    return Err(SpoolError::Short);
                }
                counter.fetch_add(count as u64, Relaxed);
                filled += count;
            }
            share.spend(filled as u64).map_err(SpoolError::Full)?;
            file.write_all(&buffer[..filled]).await.map_err(SpoolError::Disk)?;
            left -= filled as u64;
        }
        file.flush().await.map_err(SpoolError::Disk)?;
        let mut file = file.into_std().await;
        file.rewind().map_err(SpoolError::Disk)?;
        Ok(file)
    }
}
