//! What goes between us and the `tar` of a VM beside its stream: names to it, and what it says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter},
    process::{ChildStderr, ChildStdin},
};

use super::{listing::Listing, tar_messages::TarMessages};

const LONGEST_LINE: u64 = 64 * 1024;
/// The most bytes of all lines, with names that `tar` has escaped. The rest is not read.
const MOST_SAID: u64 = 256 * 1024 * 1024;

/// Asks for the files.
pub(super) async fn feed(mut stdin: ChildStdin, listing: Arc<Listing>) {
    let mut writer = BufWriter::new(&mut stdin);
    for file in &listing.files {
        let name = [b"./", &*file.path, b"\0"].concat();
        // A reader that has gone reports its own end.
        if writer.write_all(&name).await.is_err() {
            return;
        }
    }
    let _ended = writer.flush().await;
}

/// Notes what it says, until it ends.
pub(super) async fn listen(stderr: ChildStderr, said: Arc<Mutex<TarMessages>>) {
    let mut lines = BufReader::new(stderr.take(MOST_SAID));
    let mut line = Vec::new();
    while let Ok(1..) = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
        lock(&said).line(line.strip_suffix(b"\n").unwrap_or(&line));
        line.clear();
    }
}

pub(super) fn lock(said: &Mutex<TarMessages>) -> MutexGuard<'_, TarMessages> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}
