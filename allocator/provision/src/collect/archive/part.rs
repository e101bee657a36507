use std::io::{self, BufRead, Read, Write};

use jiff::Timestamp;

use crate::collect::{content::Content, layout::Layout, packed};

/// What goes into an archive.
pub(in crate::collect) enum Part {
    /// A file that is here as a whole.
    Whole(Head, Content),
    /// A file whose bytes follow. It counts once it is kept.
    Begin(Number, Head),
    Piece(Number, Vec<u8>),
    /// All its bytes came, and it is whole.
    Keep(Number),
    /// It will never be whole.
    Leave(Number),
    /// Nothing else may have come for a while.
    SignOfLife,
    /// The last one, which completes it.
    Report(Vec<u8>),
}

/// By which the parts of a file belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::collect) struct Number(pub u64);

/// What is known of a file before its first byte.
pub(in crate::collect) struct Head {
    /// The whole path in the archive.
    pub name: String,
    pub modified: Timestamp,
    pub layout: Layout,
    pub form: Form,
}

/// How a file is put into an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::collect) enum Form {
    /// Its holes filled with zeros.
    Filled,
    /// As a `tar` of its own, with its holes.
    Packed,
}

/// What comes next of a file in an archive.
pub(in crate::collect) enum Step {
    /// So many of the bytes that it holds.
    Held(u64),
    Zeros(u64),
    /// What is added to it.
    Added(Vec<u8>),
}

impl Form {
    /// Bytes that it takes in the archive, without what the archive adds.
    pub fn size(self, layout: &Layout) -> u64 {
        match self {
            Self::Filled => layout.size(),
            Self::Packed => packed::size(layout),
        }
    }
}

impl Head {
    /// Its bytes in the archive.
    pub fn size(&self) -> u64 {
        self.form.size(&self.layout)
    }

    /// From its first byte in the archive to the last.
    pub fn steps(&self) -> io::Result<Vec<Step>> {
        let layout = &self.layout;
        if self.form == Form::Packed {
            let head = packed::head(layout, &self.name, self.modified)?;
            let tail = packed::tail(layout);
            return Ok(vec![Step::Added(head), Step::Held(layout.held()), Step::Added(tail)]);
        }
        let (mut steps, mut at) = (Vec::new(), 0);
        for extent in layout.extents() {
            steps.push(Step::Zeros(extent.start - at));
            steps.push(Step::Held(extent.end - extent.start));
            at = extent.end;
        }
        steps.push(Step::Zeros(layout.size() - at));
        Ok(steps)
    }

    /// Writes it from the bytes that it holds.
    pub fn write(&self, held: &mut impl BufRead, out: &mut impl Write) -> io::Result<()> {
        for step in self.steps()? {
            match step {
                Step::Held(count) => copy(held, count, out)?,
                Step::Zeros(count) => {
                    io::copy(&mut io::repeat(0).take(count), out)?;
                }
                Step::Added(bytes) => out.write_all(&bytes)?,
            }
        }
        Ok(())
    }
}

/// In pieces as large as they are read.
fn copy(held: &mut impl BufRead, count: u64, out: &mut impl Write) -> io::Result<()> {
    let mut left = count;
    while left > 0 {
        let piece = held.fill_buf()?;
        if piece.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        out.write_all(&piece[..length])?;
        held.consume(length);
        left -= length as u64;
    }
    Ok(())
}
