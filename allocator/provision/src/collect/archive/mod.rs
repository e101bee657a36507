//! The zip: how files get into it, as a whole or piece by piece, and what counts in it.

mod entry;
mod flowing;
mod kept;
mod medium;
mod part;

use std::{
    collections::HashMap,
    io::{self, Write},
};

use crc32fast::Hasher;
use jiff::Timestamp;
use tokio::sync::mpsc::{self, error::TryRecvError};

pub(super) use flowing::Flowing;
pub(super) use kept::Kept;
pub(super) use medium::{Medium, Order};
pub(super) use part::{Form, Head, Number, Part, Step};

use super::{content::Content, layout::Layout};
use entry::{Entry, Method};
use medium::Open;

pub(super) const REPORT: &str = "REPORT.csv";
const PIECE: usize = 256 * 1024;

/// Writes an archive as its parts come, and gives its size in bytes. Blocks.
///
/// Nothing is compressed, as in the original: results are mostly compressed already. If the parts
/// end without a report, what was written stays a torso that no tool takes for whole.
pub(super) fn write(mut parts: mpsc::Receiver<Part>, medium: impl Medium) -> io::Result<u64> {
    let mut book = Book { medium, open: HashMap::new(), entries: Vec::new() };
    loop {
        let part = match parts.try_recv() {
            Err(TryRecvError::Empty) => {
                book.medium.rest()?;
                parts.blocking_recv()
            }
            part => part.ok(),
        };
        match part {
            Some(Part::Whole(head, content)) => book.whole(&head, content)?,
            Some(Part::Begin(number, head)) => book.begin(number, &head)?,
            Some(Part::Piece(number, bytes)) => book.piece(number, &bytes)?,
            Some(Part::Keep(number)) => book.keep(number),
            Some(Part::Leave(number)) => book.leave(number)?,
            Some(Part::SignOfLife) => book.sign_of_life()?,
            Some(Part::Report(text)) => return book.finish(&text, || !parts.is_closed()),
            None => return Err(given_up()),
        }
    }
}

struct Book<M> {
    medium: M,
    open: HashMap<Number, Open>,
    /// What counts.
    entries: Vec<Entry>,
}

impl<M: Medium> Book<M> {
    fn whole(&mut self, head: &Head, content: Content) -> io::Result<()> {
        match content {
            Content::Memory(bytes, _share) => self.plain(head, &bytes),
            Content::Spooled(file) => {
                let mut open = self.opened(head)?;
                let mut held = io::BufReader::with_capacity(PIECE, file);
                let medium = &mut self.medium;
                head.write(&mut held, &mut Each(|bytes: &[u8]| add(medium, &mut open, bytes)))?;
                self.entries.push(open.entry);
                Ok(())
            }
        }
    }

    /// Its sum stands before it, so it is read twice.
    fn plain(&mut self, head: &Head, bytes: &[u8]) -> io::Result<()> {
        let (name, size, at) = (head.name.clone(), head.size(), self.medium.at());
        let mut entry = Entry::new(name, head.modified, Method::Plain, size, at);
        let mut sum = Hasher::new();
        let mut summing = Each(|bytes: &[u8]| {
            sum.update(bytes);
            Ok(())
        });
        head.write(&mut &*bytes, &mut summing)?;
        (entry.crc, entry.stored) = (sum.finalize(), size);
        self.medium.append(&entry.header())?;
        head.write(&mut &*bytes, &mut Each(|bytes: &[u8]| self.medium.append(bytes)))?;
        self.entries.push(entry);
        Ok(())
    }

    fn begin(&mut self, number: Number, head: &Head) -> io::Result<()> {
        let open = self.opened(head)?;
        self.open.insert(number, open);
        Ok(())
    }

    fn opened(&mut self, head: &Head) -> io::Result<Open> {
        let (name, size, at) = (head.name.clone(), head.size(), self.medium.at());
        let mut open = Open::new(Entry::new(name, head.modified, M::METHOD, size, at));
        self.medium.begin(&open)?;
        // It may have no bytes at all.
        add(&mut self.medium, &mut open, &[])?;
        Ok(open)
    }

    fn piece(&mut self, number: Number, bytes: &[u8]) -> io::Result<()> {
        match self.open.get_mut(&number) {
            Some(open) => add(&mut self.medium, open, bytes),
            None => Ok(()),
        }
    }

    fn keep(&mut self, number: Number) {
        let open = self.open.remove(&number).filter(Open::is_complete);
        self.entries.extend(open.map(|open| open.entry));
    }

    fn leave(&mut self, number: Number) -> io::Result<()> {
        self.open.remove(&number).map_or(Ok(()), |open| self.medium.leave(open))
    }

    fn sign_of_life(&mut self) -> io::Result<()> {
        let open = self.open.values_mut().find(|open| !open.is_complete());
        self.medium.sign_of_life(open)
    }

    fn finish(mut self, report: &[u8], is_wanted: impl Fn() -> bool) -> io::Result<u64> {
        for (_number, open) in std::mem::take(&mut self.open) {
            self.medium.leave(open)?;
        }
        let (name, modified) = (REPORT.to_owned(), Timestamp::now());
        let layout = Layout::full(report.len() as u64);
        self.plain(&Head { name, modified, layout, form: Form::Filled }, report)?;
        self.medium.finish(self.entries, is_wanted)
    }
}

fn add(medium: &mut impl Medium, open: &mut Open, bytes: &[u8]) -> io::Result<()> {
    open.sum.update(bytes);
    open.came += bytes.len() as u64;
    medium.piece(open, bytes)?;
    if open.is_complete() {
        open.entry.crc = open.sum.clone().finalize();
        medium.end(open)?;
    }
    Ok(())
}

fn given_up() -> io::Error {
    io::Error::other("the archive was given up")
}

/// Gives what is written to a function.
struct Each<F>(F);

impl<F: FnMut(&[u8]) -> io::Result<()>> Write for Each<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
