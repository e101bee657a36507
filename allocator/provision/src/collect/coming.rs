use std::{
    io,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::io::{AsyncRead, AsyncReadExt};

use super::room::Full;

/// Why a file did not come.
#[derive(Debug, thiserror::Error)]
pub(super) enum ComingError {
    /// The VM's stream is broken.
    #[error(transparent)]
    Read(io::Error),
    #[error("it ended in the middle of a file")]
    Short,
    #[error("the allocator's disk can't take its files: {0}")]
    Disk(io::Error),
    #[error(transparent)]
    Full(#[from] Full),
    /// Its writer says why.
    #[error("the archive could not be written")]
    NoArchive,
}

/// The most bytes that are passed on at once: pipes give little at a time, and each piece is a trip
/// to another thread.
pub(super) const PIECE: u64 = 256 * 1024;

/// The next piece of `left` bytes, which are counted as they come.
pub(super) async fn piece(
    from: &mut (impl AsyncRead + Unpin),
    left: u64,
    counter: &AtomicU64,
) -> Result<Vec<u8>, ComingError> {
    let size = left.min(PIECE);
    let mut from = from.take(size);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    while (bytes.len() as u64) < size {
        let count = from.read_buf(&mut bytes).await.map_err(ComingError::Read)?;
        if count == 0 {
            return Err(ComingError::Short);
        }
        counter.fetch_add(count as u64, Relaxed);
    }
    Ok(bytes)
}

/// Reads `size` bytes that nobody wants.
pub(super) async fn leave(
    from: &mut (impl AsyncRead + Unpin),
    size: u64,
) -> Result<(), ComingError> {
    let copied = tokio::io::copy(&mut from.take(size), &mut tokio::io::sink()).await;
    match copied {
        Ok(count) if count == size => Ok(()),
        Ok(_) => Err(ComingError::Short),
        Err(error) => Err(ComingError::Read(error)),
    }
}
