use std::{
    cell::Cell,
    io::{self, BufRead, Read, Write},
    rc::Rc,
};

use jiff::Timestamp;
use tokio::sync::mpsc::{self, error::TryRecvError};
use zip::{
    DateTime, ZipWriter,
    write::{FileOptions, FullFileOptions},
};

use super::{content::Content, layout::Layout, packed, room::Share};

/// What goes into an archive.
pub(super) enum Part {
    File {
        /// The whole path in the archive.
        name: String,
        modified: Timestamp,
        layout: Layout,
        form: Form,
        /// Its bytes without the holes.
        content: Content,
        /// Its share of the archive's disk, if that is one of ours.
        share: Option<Share>,
    },
    /// The last one, which completes it.
    Report(Vec<u8>),
}

/// How a file is put into an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Its holes filled with zeros.
    Filled,
    /// As a `tar` of its own, with its holes.
    Packed,
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

pub(super) const REPORT: &str = "REPORT.csv";
/// The field in which zip files have times to the second (Info-ZIP's "UT").
const EXTENDED_TIMESTAMP: u16 = 0x5455;
const MODIFIED_ONLY: u8 = 1;

/// Writes an archive as its parts come, and gives its size in bytes. Blocks.
///
/// Nothing is compressed, as in the original: results are mostly compressed already. If the parts
/// end without a report, what was written stays a torso that no tool takes for whole.
pub(super) fn write(mut parts: mpsc::Receiver<Part>, out: impl Write) -> io::Result<u64> {
    let is_shut = Rc::new(Cell::new(false));
    let sink = Sink { out, written: 0, is_shut: Rc::clone(&is_shut) };
    let mut zip = ZipWriter::new_stream(sink);
    let completed = add_all(&mut zip, &mut parts);
    // From here on, an archive that is given up writes no directory when it is dropped.
    is_shut.set(completed.is_err());
    completed?;
    let mut sink = zip.finish()?.into_inner();
    sink.flush()?;
    Ok(sink.written)
}

fn add_all<W: Write>(
    zip: &mut ZipWriter<zip::write::StreamWriter<W>>,
    parts: &mut mpsc::Receiver<Part>,
) -> io::Result<()> {
    loop {
        let part = match parts.try_recv() {
            Err(TryRecvError::Empty) => {
                zip.flush()?;
                parts.blocking_recv()
            }
            part => part.ok(),
        };
        match part {
            Some(Part::File { name, modified, layout, form, content, share }) => {
                zip.start_file(&*name, options(modified, form.size(&layout))?)?;
                let mut out = Sharing { out: &mut *zip, share };
                match form {
                    Form::Filled => content.read(|bytes| filled(bytes, &layout, &mut out))?,
                    Form::Packed => {
                        out.write_all(&packed::head(&layout, &name, modified)?)?;
                        content.read(|bytes| copied(bytes, layout.held(), &mut out))?;
                        packed::finish(&layout, &mut out)?;
                    }
                }
            }
            Some(Part::Report(text)) => {
                let size = text.len() as u64;
                zip.start_file(REPORT, options(Timestamp::now(), size)?)?;
                return zip.write_all(&text);
            }
            None => return Err(io::Error::other("the archive was given up")),
        }
    }
}

/// Copies a file's bytes to their places, and zeros between them.
fn filled(bytes: &mut dyn BufRead, layout: &Layout, out: &mut impl Write) -> io::Result<()> {
    let mut at = 0;
    for extent in layout.extents() {
        io::copy(&mut io::repeat(0).take(extent.start - at), out)?;
        copied(bytes, extent.end - extent.start, out)?;
        at = extent.end;
    }
    io::copy(&mut io::repeat(0).take(layout.size() - at), out)?;
    Ok(())
}

/// In pieces as large as they are read.
fn copied(bytes: &mut dyn BufRead, count: u64, out: &mut impl Write) -> io::Result<()> {
    let mut left = count;
    while left > 0 {
        let piece = bytes.fill_buf()?;
        if piece.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        out.write_all(&piece[..length])?;
        bytes.consume(length);
        left -= length as u64;
    }
    Ok(())
}

/// Passes bytes on that there is room for.
struct Sharing<W> {
    out: W,
    share: Option<Share>,
}

impl<W: Write> Write for Sharing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(share) = &mut self.share {
            share.spend(bytes.len() as u64).map_err(io::Error::other)?;
        }
        self.out.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Times are local ones, as zip has it, and in UTC to the second beside that.
fn options(modified: Timestamp, size: u64) -> io::Result<FullFileOptions<'static, 'static>> {
    let local = modified.to_zoned(jiff::tz::TimeZone::system()).datetime();
    let mut options = FileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .unix_permissions(0o644)
        .large_file(size >= u64::from(u32::MAX))
        .last_modified_time(DateTime::try_from(local).unwrap_or_default());
    if let Ok(seconds) = i32::try_from(modified.as_second()) {
        let field = [&[MODIFIED_ONLY], seconds.to_le_bytes().as_slice()].concat();
        options.add_extra_field(EXTENDED_TIMESTAMP, field, false)?;
    }
    Ok(options)
}

/// Passes bytes on, until it is shut.
struct Sink<W> {
    out: W,
    written: u64,
    is_shut: Rc<Cell<bool>>,
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_shut.get() {
            return Ok(bytes.len());
        }
        let count = self.out.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_shut.get() { Ok(()) } else { self.out.flush() }
    }
}
