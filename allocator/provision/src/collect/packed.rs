//! A file that is mostly holes, as it goes into an archive: as a `tar` of its own, in GNU's format,
//! which every `tar` unpacks with the holes. Filled with zeros it would cost the maker and
//! the reader of the archive as much as it seems to be: a few bytes may seem to be terabytes.

use std::{io, ops::Range};

use jiff::Timestamp;
use tokio_tar::{EntryType, GnuExtSparseHeader, Header};

use super::layout::Layout;

/// What is put behind such a file's name.
pub(super) const ENDING: &str = ".tar";

const BLOCK: u64 = 512;
/// Extents in a header, and in each block that goes on with it.
const IN_HEADER: usize = 4;
const IN_BLOCK: usize = 21;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 100;

/// In bytes.
pub(super) fn size(layout: &Layout) -> u64 {
    let more = all(layout).len().saturating_sub(IN_HEADER).div_ceil(IN_BLOCK) as u64;
    BLOCK * (1 + more + layout.held().div_ceil(BLOCK) + 2)
}

/// What comes before its bytes. `stored` is its path in the archive.
pub(super) fn head(layout: &Layout, stored: &str, modified: Timestamp) -> io::Result<Vec<u8>> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNUSparse);
    header.set_path(name(stored))?;
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(u64::try_from(modified.as_second()).unwrap_or_default());
    header.set_size(layout.held());
    let extents = all(layout);
    let (first, more) = extents.split_at(extents.len().min(IN_HEADER));
    let Some(gnu) = header.as_gnu_mut() else { return Err(io::Error::other("it is GNU's")) };
    for (place, extent) in gnu.sparse.iter_mut().zip(first) {
        (place.offset, place.numbytes) = (number(extent.start), number(extent.end - extent.start));
    }
    gnu.realsize = number(layout.size());
    gnu.isextended = [u8::from(!more.is_empty())];
    header.set_cksum();
    let mut head = header.as_bytes().to_vec();
    for (index, some) in more.chunks(IN_BLOCK).enumerate() {
        let mut block = GnuExtSparseHeader::new();
        for (place, extent) in block.sparse.iter_mut().zip(some) {
            let length = extent.end - extent.start;
            (place.offset, place.numbytes) = (number(extent.start), number(length));
        }
        block.isextended = [u8::from((index + 1) * IN_BLOCK < more.len())];
        head.extend_from_slice(block.as_bytes());
    }
    Ok(head)
}

/// What comes behind its bytes.
pub(super) fn tail(layout: &Layout) -> Vec<u8> {
    let padding = layout.held().next_multiple_of(BLOCK) - layout.held();
    vec![0; usize::try_from(padding + 2 * BLOCK).unwrap_or_default()]
}

/// An empty one at the end tells of a hole there.
fn all(layout: &Layout) -> Vec<Range<u64>> {
    let mut extents = layout.extents().to_vec();
    if extents.last().is_none_or(|last| last.end < layout.size()) {
        extents.push(layout.size()..layout.size());
    }
    extents
}

/// Its last part without the ending, as much as there is room for.
fn name(stored: &str) -> &str {
    let last = stored.rsplit('/').next().unwrap_or_default();
    let own = last.strip_suffix(ENDING).unwrap_or(last);
    &own[own.ceil_char_boundary(own.len().saturating_sub(LONGEST_NAME))..]
}

/// As GNU's `tar` has it: octal, or as bytes where that is too long.
fn number(value: u64) -> [u8; 12] {
    let mut field = [0; 12];
    let octal = format!("{value:011o}");
    if octal.len() < field.len() {
        field[..octal.len()].copy_from_slice(octal.as_bytes());
    } else {
        field[0] = 0x80;
        field[4..].copy_from_slice(&value.to_be_bytes());
    }
    field
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        os::unix::fs::{FileExt, MetadataExt},
        process::Command,
    };

    use super::*;

    /// What `tar` unpacks.
    fn unpacked(layout: &Layout, byte: u8) -> (tempfile::TempDir, File) {
        let folder = tempfile::tempdir().unwrap();
        let mut packed = head(layout, "vm_1/a/run.slp.tar", Timestamp::UNIX_EPOCH).unwrap();
        packed.extend(vec![byte; usize::try_from(layout.held()).unwrap()]);
        packed.extend(tail(layout));
        assert_eq!(packed.len() as u64, size(layout));
        let path = folder.path().join("run.slp.tar");
        fs::write(&path, packed).unwrap();
        let tar = Command::new("tar").arg("-C").arg(folder.path()).arg("-xf").arg(&path).output();
        let tar = tar.unwrap();
        assert!(tar.status.success() && tar.stderr.is_empty(), "{tar:?}");
        let file = File::open(folder.path().join("run.slp")).unwrap();
        (folder, file)
    }

    #[test]
    fn tar_unpacks_it_with_its_holes() {
        const HUGE: u64 = 500_000_000_000;
        let layout = Layout::sparse(HUGE, vec![4096..8192, 400_000_000_000..400_000_000_512]);
        let (_folder, file) = unpacked(&layout.unwrap(), 7);
        let metadata = file.metadata().unwrap();
        assert_eq!(metadata.len(), HUGE);
        assert!(metadata.blocks() * 512 < 1_000_000, "{} blocks", metadata.blocks());
        for (at, expected) in [(0, 0), (4096, 7), (8192, 0), (400_000_000_511, 7), (HUGE - 1, 0)] {
            let mut byte = [9];
            file.read_exact_at(&mut byte, at).unwrap();
            assert_eq!(byte[0], expected, "at {at}");
        }
    }

    #[test]
    fn as_many_extents_as_there_are_and_none() {
        let extents: Vec<Range<u64>> = (0..100).map(|n| n * 10_000..n * 10_000 + 512).collect();
        for count in [0, 1, 3, 4, 5, 24, 25, 26, 100] {
            let layout = Layout::sparse(5_000_000, extents[..count].to_vec()).unwrap();
            let (_folder, file) = unpacked(&layout, 1);
            assert_eq!(file.metadata().unwrap().len(), 5_000_000);
            for (n, extent) in extents.iter().enumerate() {
                let mut byte = [9];
                file.read_exact_at(&mut byte, extent.start).unwrap();
                assert_eq!(byte[0], u8::from(n < count), "{n} of {count}");
            }
        }
    }
}
