use std::{
    cell::Cell,
    io::{self, Write},
    rc::Rc,
};

use jiff::Timestamp;
use tokio::sync::mpsc::{self, error::TryRecvError};
use zip::{
    DateTime, ZipWriter,
    write::{FileOptions, FullFileOptions},
};

use super::content::Content;

/// What goes into an archive.
pub(super) enum Part {
    File {
        /// The whole path in the archive.
        name: String,
        modified: Timestamp,
        size: u64,
        content: Content,
    },
    /// The last one, which completes it.
    Report(Vec<u8>),
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
            Some(Part::File { name, modified, size, content }) => {
                zip.start_file(name, options(modified, size)?)?;
                match content {
                    Content::Memory(bytes, _share) => zip.write_all(&bytes)?,
                    Content::Spooled(mut file) => {
                        io::copy(&mut io::BufReader::with_capacity(256 * 1024, &mut file), zip)?;
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
