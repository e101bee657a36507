use std::io::{self, Write};

use tokio::sync::mpsc;

/// Writes into a channel, for somebody who reads an archive while it is made. Blocks.
pub(super) struct Chunks {
    sender: mpsc::Sender<io::Result<Vec<u8>>>,
    buffer: Vec<u8>,
}

const CHUNK: usize = 256 * 1024;

impl Chunks {
    pub fn new(sender: mpsc::Sender<io::Result<Vec<u8>>>) -> Self {
        Self { sender, buffer: Vec::with_capacity(CHUNK) }
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads the archive");
        self.sender.blocking_send(Ok(chunk)).map_err(gone)
    }
}
