use std::io::{self, Write};

use jiff::Timestamp;

use super::{
    REPORT,
    entry::{Entry, Method, directory},
    medium::{Medium, Open, Order},
};

/// An archive that somebody reads while it is made. What has gone can't be taken back, but nothing
/// counts that the directory does not name.
pub(in crate::collect) struct Flowing<W> {
    out: W,
    at: u64,
    /// Where it was at the last sign of life.
    before: u64,
}

/// The most bytes of one block. The format takes a few more.
const BLOCK: usize = 32 * 1024;
const MORE: u8 = 0;
const LAST: u8 = 1;

impl<W: Write> Flowing<W> {
    pub fn new(out: W) -> Self {
        Self { out, at: 0, before: 0 }
    }

    fn block(&mut self, kind: u8, bytes: &[u8], entry: &mut Entry) -> io::Result<()> {
        let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
        let [low, high] = length.to_le_bytes();
        let head = [kind, low, high, !low, !high];
        self.append(&head)?;
        self.append(bytes)?;
        entry.stored += (head.len() + bytes.len()) as u64;
        Ok(())
    }
}

impl<W: Write> Medium for Flowing<W> {
    const METHOD: Method = Method::Blocks;
    const ORDER: Order = Order::InTurn;

    fn at(&self) -> u64 {
        self.at
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn begin(&mut self, open: &Open) -> io::Result<()> {
        self.append(&open.entry.header())
    }

    fn piece(&mut self, open: &mut Open, bytes: &[u8]) -> io::Result<()> {
        bytes.chunks(BLOCK).try_for_each(|bytes| self.block(MORE, bytes, &mut open.entry))
    }

    fn end(&mut self, open: &mut Open) -> io::Result<()> {
        self.block(LAST, &[], &mut open.entry)?;
        self.append(&open.entry.behind())
    }

    /// It is ended, so that a reader from front to back finds the next file.
    fn leave(&mut self, mut open: Open) -> io::Result<()> {
        if open.is_complete() {
            return Ok(());
        }
        open.entry.size = open.came;
        open.entry.crc = open.sum.clone().finalize();
        self.end(&mut open)
    }

    fn rest(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// An empty block in a file, and between files an empty one that the directory does not name.
    fn sign_of_life(&mut self, open: Option<&mut Open>) -> io::Result<()> {
        if self.at == self.before {
            match open {
                Some(open) => self.block(MORE, &[], &mut open.entry)?,
                None => {
                    let now = Timestamp::now();
                    let nothing = Entry::new(REPORT.to_owned(), now, Method::Plain, 0, self.at);
                    self.append(&nothing.header())?;
                }
            }
            self.out.flush()?;
        }
        self.before = self.at;
        Ok(())
    }

    fn finish(mut self, entries: Vec<Entry>, _is_wanted: impl Fn() -> bool) -> io::Result<u64> {
        directory(&entries, self.at, |bytes| self.append(bytes))?;
        self.out.flush()?;
        Ok(self.at)
    }
}
