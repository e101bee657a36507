use std::{fs::File, io, ops::Range, os::unix::fs::FileExt};

use nix::fcntl::{PosixFadviseAdvice::POSIX_FADV_DONTNEED, posix_fadvise};

use super::{
    entry::{CRC_AT, Entry, Method, directory},
    given_up,
    medium::{Medium, Open, Order},
};

/// An archive in a file. Each large file has its place from its beginning, as nothing is
/// compressed: several of them come side by side, and none waits for another or lies anywhere else.
pub(in crate::collect) struct Kept {
    file: File,
    /// Where the next file goes.
    end: u64,
    /// The last bytes before that, which are not written yet.
    tail: Vec<u8>,
}

const PIECE: usize = 256 * 1024;
/// How many bytes are sent to the disk at once.
const SENT: u64 = 16 * 1024 * 1024;
const MOVED: usize = 1024 * 1024;

impl Kept {
    /// In an empty file.
    pub fn new(file: File) -> Self {
        Self { file, end: 0, tail: Vec::with_capacity(PIECE) }
    }

    fn write_tail(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.tail, self.end - self.tail.len() as u64)?;
        self.tail.clear();
        Ok(())
    }

    /// The system would let gigabytes gather in memory, on which the archive's end would wait.
    fn send_to_disk(&self, from: u64) {
        let length = SENT.cast_signed();
        // What can't be sent now is sent at the end.
        let _later = posix_fadvise(&self.file, from.cast_signed(), length, POSIX_FADV_DONTNEED);
    }

    /// Moves files to where others were taken back.
    fn close_gaps(
        &mut self,
        entries: &mut [Entry],
        is_wanted: impl Fn() -> bool,
    ) -> io::Result<()> {
        entries.sort_unstable_by_key(|entry| entry.at);
        let (mut runs, mut end): (Vec<Range<u64>>, u64) = (Vec::new(), 0);
        for entry in entries {
            let (at, length) = (entry.at, entry.length());
            match runs.last_mut() {
                Some(run) if run.end == at => run.end += length,
                _ => runs.push(at..at + length),
            }
            entry.at = end;
            end += length;
        }
        let mut to = 0;
        for run in runs {
            let length = run.end - run.start;
            if run.start > to {
                self.move_down(run.start, to, length, &is_wanted)?;
            }
            to += length;
        }
        self.end = end;
        Ok(())
    }

    fn move_down(
        &self,
        from: u64,
        to: u64,
        length: u64,
        is_wanted: impl Fn() -> bool,
    ) -> io::Result<()> {
        let mut buffer = vec![0; MOVED];
        let mut moved = 0;
        while moved < length {
            if !is_wanted() {
                return Err(given_up());
            }
            let most = usize::try_from(length - moved).unwrap_or(MOVED).min(MOVED);
            self.file.read_exact_at(&mut buffer[..most], from + moved)?;
            self.file.write_all_at(&buffer[..most], to + moved)?;
            moved += most as u64;
        }
        Ok(())
    }
}

impl Medium for Kept {
    const METHOD: Method = Method::Plain;
    const ORDER: Order = Order::SideBySide;

    fn at(&self) -> u64 {
        self.end
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.tail.extend_from_slice(bytes);
        self.end += bytes.len() as u64;
        if self.tail.len() >= PIECE { self.write_tail() } else { Ok(()) }
    }

    fn begin(&mut self, open: &Open) -> io::Result<()> {
        self.append(&open.entry.header())?;
        self.write_tail()?;
        self.end += open.entry.size;
        Ok(())
    }

    fn piece(&mut self, open: &mut Open, bytes: &[u8]) -> io::Result<()> {
        let before = open.entry.stored;
        self.file.write_all_at(bytes, open.start + before)?;
        open.entry.stored += bytes.len() as u64;
        if before / SENT < open.entry.stored / SENT {
            self.send_to_disk(open.start + before / SENT * SENT);
        }
        Ok(())
    }

    fn end(&mut self, open: &mut Open) -> io::Result<()> {
        let Entry { crc, at, .. } = open.entry;
        self.file.write_all_at(&crc.to_le_bytes(), at + CRC_AT)
    }

    /// What lies behind it is moved once, at the end.
    fn leave(&mut self, open: Open) -> io::Result<()> {
        if open.start + open.entry.size == self.end {
            self.end = open.entry.at;
        }
        Ok(())
    }

    fn rest(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sign_of_life(&mut self, _open: Option<&mut Open>) -> io::Result<()> {
        Ok(())
    }

    fn finish(mut self, mut entries: Vec<Entry>, is_wanted: impl Fn() -> bool) -> io::Result<u64> {
        self.write_tail()?;
        self.close_gaps(&mut entries, is_wanted)?;
        directory(&entries, self.end, |bytes| self.append(bytes))?;
        self.write_tail()?;
        self.file.set_len(self.end)?;
        Ok(self.end)
    }
}
