use std::io;

use crc32fast::Hasher;

use super::entry::{Entry, Method};

/// What an archive is written to.
pub(in crate::collect) trait Medium {
    /// How files stand in it whose bytes come one after the other.
    const METHOD: Method;
    const ORDER: Order;

    /// Where the next byte goes.
    fn at(&self) -> u64;

    /// Writes what is there as a whole.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes room for a file of [`Entry::size`] bytes at [`Medium::at`], and writes its header.
    fn begin(&mut self, open: &Open) -> io::Result<()>;

    /// Writes the next bytes of a file that was begun.
    fn piece(&mut self, open: &mut Open, bytes: &[u8]) -> io::Result<()>;

    /// Ends a file: its sizes and its sum are known.
    fn end(&mut self, open: &mut Open) -> io::Result<()>;

    /// Takes back a file that was begun.
    fn leave(&mut self, open: Open) -> io::Result<()>;

    /// There is nothing to write now.
    fn rest(&mut self) -> io::Result<()>;

    /// There has been nothing for a while. `open` is a file that still comes.
    fn sign_of_life(&mut self, open: Option<&mut Open>) -> io::Result<()>;

    /// Writes the directory, and gives the archive's size in bytes. It gives up when nobody wants
    /// the archive any more.
    fn finish(self, entries: Vec<Entry>, is_wanted: impl Fn() -> bool) -> io::Result<u64>;
}

/// How large files get into an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::collect) enum Order {
    SideBySide,
    InTurn,
}

/// A file of which not all is known yet.
pub(in crate::collect) struct Open {
    pub(super) entry: Entry,
    pub(super) sum: Hasher,
    /// Where its first byte goes.
    pub(super) start: u64,
    /// Its bytes that are there.
    pub(super) came: u64,
}

impl Open {
    pub(super) fn new(entry: Entry) -> Self {
        let start = entry.at + entry.header().len() as u64;
        Self { entry, sum: Hasher::new(), start, came: 0 }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.came == self.entry.size
    }
}
