use std::{
    collections::HashSet,
    ffi::OsString,
    io,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use lablink_core::collections::Extension;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use super::{
    script,
    skipped::{self, Skipped, Why},
};

/// Where on a VM its results lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the desktop in this container.
    Container(OsString),
    /// In this folder.
    Plain(OsString),
}

impl Place {
    /// The folder, as links there call it.
    fn path(&self) -> &[u8] {
        match self {
            Self::Container(_) => script::DESKTOP.as_bytes(),
            Self::Plain(directory) => directory.as_bytes(),
        }
    }

    /// As [`super::script`] says it.
    pub fn words(&self) -> (&'static str, OsString) {
        match self {
            Self::Container(id) => ("container", id.clone()),
            Self::Plain(directory) => ("plain", directory.clone()),
        }
    }
}

/// The files that a VM has to give.
#[derive(Debug)]
pub(super) struct Listing {
    pub place: Place,
    /// In the order of their paths' names.
    pub files: Vec<Found>,
    pub skipped: Skipped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// From the place, without `./`. Whole components only, so that it leads nowhere else; but a
    /// VM may lie, and its bytes may be no text.
    pub path: Box<[u8]>,
    /// In bytes.
    pub size: u64,
}

impl Listing {
    /// In bytes.
    pub fn size(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ListingError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it ended before it had said where its results lie")]
    NoPlace,
    #[error("it answered what is no list of files")]
    Unreadable,
    #[error(
        "it has more files than can be collected: at most {MOST_FILES}, with names of {MOST_BYTES} bytes together"
    )]
    TooMuch,
}

/// Bounds for what a VM that means harm makes us remember.
const MOST_FILES: usize = 250_000;
const MOST_BYTES: usize = 24 * 1024 * 1024;
/// `PATH_MAX`, and room for the size in front.
const LONGEST_RECORD: usize = 4096 + 32;

/// Reads what the script of [`super::script::list`] prints.
pub(super) async fn read(
    mut from: impl AsyncBufRead + Unpin,
    extension: &Extension,
) -> Result<Listing, ListingError> {
    let place = record(&mut from).await?.ok_or(ListingError::NoPlace)?;
    let place = match split(&place) {
        Some((b"container", id)) => Place::Container(OsString::from_vec(id.to_owned())),
        Some((b"plain", folder)) => Place::Plain(OsString::from_vec(folder.to_owned())),
        _ => return Err(ListingError::Unreadable),
    };
    let (mut files, mut seen, mut bytes) = (Vec::new(), HashSet::new(), 0);
    let mut skipped = Skipped::default();
    while let Some(told) = record(&mut from).await? {
        let (size, path) = split(&told).ok_or(ListingError::Unreadable)?;
        if let Some(kind) = size.strip_prefix(b"link-") {
            let target = record(&mut from).await?.ok_or(ListingError::Unreadable)?;
            if let Some(why) = skipped::link(place.path(), path, kind, &target, extension) {
                skipped.add(path, why);
            }
            continue;
        }
        if size == b"left-out" {
            skipped.add(path, Why::Folder);
            continue;
        }
        let size = std::str::from_utf8(size).ok().and_then(|size| size.parse().ok());
        let size = size.ok_or(ListingError::Unreadable)?;
        if !is_below(path) {
            return Err(ListingError::Unreadable);
        }
        bytes += path.len();
        if files.len() == MOST_FILES || bytes > MOST_BYTES {
            return Err(ListingError::TooMuch);
        }
        let path: Box<[u8]> = path.into();
        if seen.insert(path.clone()) {
            files.push(Found { path, size });
        }
    }
    in_order(&mut files);
    Ok(Listing { place, files, skipped })
}

/// By the names in their paths, so that what lies in one folder stands together.
pub(super) fn in_order(files: &mut [Found]) {
    fn names(file: &Found) -> impl Iterator<Item = &[u8]> {
        file.path.split(|byte| *byte == b'/')
    }
    files.sort_unstable_by(|one, other| names(one).cmp(names(other)));
}

/// The bytes before the next NUL; none at the end.
async fn record(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Vec<u8>>, ListingError> {
    let mut record = Vec::new();
    loop {
        let buffer = from.fill_buf().await?;
        if buffer.is_empty() {
            return if record.is_empty() { Ok(None) } else { Err(ListingError::Unreadable) };
        }
        let end = buffer.iter().position(|byte| *byte == 0);
        record.extend_from_slice(&buffer[..end.unwrap_or(buffer.len())]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        from.consume(used);
        if record.len() > LONGEST_RECORD {
            return Err(ListingError::Unreadable);
        }
        if end.is_some() {
            return Ok(Some(record));
        }
    }
}

fn split(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = record.iter().position(|byte| *byte == b' ')?;
    Some((&record[..space], &record[space + 1..]))
}

/// Whether joining it to a folder gives a path in that folder.
fn is_below(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn listed(said: &[u8]) -> Result<Listing, ListingError> {
        read(said, &Extension::default()).await
    }

    #[tokio::test]
    async fn names_are_bytes_between_nuls() {
        let said = b"container 0a1b\x000 sub dir/\xff.slp\x0012 -a\n'b\".slp\x00";
        let listing = listed(said.as_slice()).await.unwrap();
        assert_eq!(listing.place, Place::Container("0a1b".into()));
        assert_eq!(listing.size(), 12);
        let paths: Vec<&[u8]> = listing.files.iter().map(|file| &*file.path).collect();
        assert_eq!(paths, [b"-a\n'b\".slp".as_slice(), b"sub dir/\xff.slp"]);
        let plain = listed(b"plain /home/a b\x00".as_slice()).await.unwrap();
        assert_eq!(plain.place.words(), ("plain", "/home/a b".into()));
        assert!(plain.files.is_empty());
    }

    #[tokio::test]
    async fn what_is_left_out_and_may_be_meant_stands_between() {
        let said = b"plain /x\x00link-d results\x00/other/disk\x00left-out models/a.slp\x00\
                     link-f b\x00/etc/passwd\x00link-d c\x00/x/y\x001 d.slp\x00";
        let listing = listed(said.as_slice()).await.unwrap();
        assert_eq!((listing.files.len(), listing.skipped.count), (1, 2));
        let paths: Vec<&[u8]> = listing.skipped.items.iter().map(|item| &*item.path).collect();
        assert_eq!(paths, [b"results".as_slice(), b"models/a.slp"]);
    }

    #[tokio::test]
    async fn a_vm_that_lies_is_not_believed() {
        for said in [
            "plain /x\x001 ../a.slp\x00",
            "plain /x\x001 /etc/a.slp\x00",
            "plain /x\x001 a//b.slp\x00",
            "plain /x\x00-1 a.slp\x00",
            "plain /x\x001 a.slp",
            "plain /x\x00link-d a\x00",
            "nowhere /x\x00",
            "",
            &format!("plain /x\x001 {}\x00", "a".repeat(5000)),
        ] {
            assert!(listed(said.as_bytes()).await.is_err(), "{said:?}");
        }
        let twice = listed(b"plain /x\x001 a.slp\x001 a.slp\x00".as_slice()).await.unwrap();
        assert_eq!(twice.files.len(), 1);
    }
}
