use std::{
    collections::HashSet,
    ffi::OsString,
    io,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use lablink_core::pools::Extension;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use super::{
    archive::Form,
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

/// The desktop in a container.
const DESKTOP: &str = "/home/client/Desktop";

impl Place {
    /// The folder, as links there call it.
    fn path(&self) -> &[u8] {
        match self {
            Self::Container(_) => DESKTOP.as_bytes(),
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
    /// In bytes, with its holes.
    pub size: u64,
    /// Bytes that it takes on the VM's disk.
    pub held: u64,
}

/// Holes of so many bytes are filled in any case.
const SMALL: u64 = 16 * 1024 * 1024;

impl Found {
    /// Filled with zeros, a file may cost twice what it holds, or a little more.
    pub fn form(&self) -> Form {
        let holes = self.size.saturating_sub(self.held);
        if holes > self.held.max(SMALL) { Form::Packed } else { Form::Filled }
    }

    /// Bytes that it takes in an archive, as far as one can tell.
    pub fn cost(&self) -> u64 {
        match self.form() {
            Form::Filled => self.size,
            Form::Packed => self.held,
        }
    }
}

impl Listing {
    /// In bytes, with the holes.
    pub fn size(&self) -> u64 {
        self.sum(|file| file.size)
    }

    /// Bytes that the files take in an archive, as far as one can tell.
    pub fn cost(&self) -> u64 {
        self.sum(Found::cost)
    }

    fn sum(&self, of: impl Fn(&Found) -> u64) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(of(file)))
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
/// The most bytes of its whole list, with what is left out.
const MOST_SAID: usize = 8 * MOST_BYTES;
/// `PATH_MAX`, and room for the sizes in front.
const LONGEST_RECORD: usize = 4096 + 64;
/// In which files' space is counted, in bytes.
const BLOCK: u64 = 512;

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
    let (mut files, mut seen, mut bytes, mut said) = (Vec::new(), HashSet::new(), 0, 0);
    let mut skipped = Skipped::default();
    while let Some(told) = record(&mut from).await? {
        said += told.len();
        if said > MOST_SAID {
            return Err(ListingError::TooMuch);
        }
        let (size, path) = split(&told).ok_or(ListingError::Unreadable)?;
        if let Some(kind) = size.strip_prefix(b"link-") {
            let target = record(&mut from).await?.ok_or(ListingError::Unreadable)?;
            if let Some(why) = skipped::link(place.path(), path, kind, &target, extension) {
                skipped.add(path, why);
            }
            continue;
        }
        if told.len() > LONGEST_RECORD {
            skipped.add(path, Why::LongPath);
            continue;
        }
        if size == b"left-out" {
            skipped.add(path, Why::Folder);
            continue;
        }
        let (size, held) = sizes(size).ok_or(ListingError::Unreadable)?;
        if !is_below(path) {
            return Err(ListingError::Unreadable);
        }
        bytes += path.len();
        if files.len() == MOST_FILES || bytes > MOST_BYTES {
            return Err(ListingError::TooMuch);
        }
        let path: Box<[u8]> = path.into();
        if seen.insert(path.clone()) {
            files.push(Found { path, size, held });
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

/// The bytes before the next NUL; none at the end. Of one that is too long, a little too much.
async fn record(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<Vec<u8>>, ListingError> {
    let (mut record, mut passed) = (Vec::new(), 0);
    loop {
        let buffer = from.fill_buf().await?;
        if buffer.is_empty() {
            return if record.is_empty() { Ok(None) } else { Err(ListingError::Unreadable) };
        }
        let end = buffer.iter().position(|byte| *byte == 0);
        let more = end.unwrap_or(buffer.len());
        let room = (LONGEST_RECORD + 1).saturating_sub(record.len());
        record.extend_from_slice(&buffer[..more.min(room)]);
        passed += more;
        if passed > MOST_SAID {
            return Err(ListingError::TooMuch);
        }
        let used = end.map_or(buffer.len(), |end| end + 1);
        from.consume(used);
        if end.is_some() {
            return Ok(Some(record));
        }
    }
}

fn split(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = record.iter().position(|byte| *byte == b' ')?;
    Some((&record[..space], &record[space + 1..]))
}

/// As in `12,8`: bytes, and blocks on the disk.
fn sizes(told: &[u8]) -> Option<(u64, u64)> {
    let (size, blocks) = std::str::from_utf8(told).ok()?.split_once(',')?;
    Some((size.parse().ok()?, blocks.parse::<u64>().ok()?.saturating_mul(BLOCK)))
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
        let said = b"container 0a1b\x000,0 sub dir/\xff.slp\x0012,8 -a\n'b\".slp\x00";
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
                     link-f b\x00/etc/passwd\x00link-d c\x00/x/y\x001,8 d.slp\x00";
        let listing = listed(said.as_slice()).await.unwrap();
        assert_eq!((listing.files.len(), listing.skipped.count), (1, 2));
        let paths: Vec<&[u8]> = listing.skipped.items.iter().map(|item| &*item.path).collect();
        assert_eq!(paths, [b"results".as_slice(), b"models/a.slp"]);
    }

    #[tokio::test]
    async fn a_vm_that_lies_is_not_believed() {
        for said in [
            "plain /x\x001,8 ../a.slp\x00",
            "plain /x\x001,8 /etc/a.slp\x00",
            "plain /x\x001,8 a//b.slp\x00",
            "plain /x\x00-1,8 a.slp\x00",
            "plain /x\x001,-8 a.slp\x00",
            "plain /x\x001 a.slp\x00",
            "plain /x\x001,8 a.slp",
            "plain /x\x00link-d a\x00",
            "nowhere /x\x00",
            "",
            &"x".repeat(10_000),
        ] {
            assert!(listed(said.as_bytes()).await.is_err(), "{said:?}");
        }
        let twice = listed(b"plain /x\x001,8 a.slp\x001,8 a.slp\x00".as_slice()).await.unwrap();
        assert_eq!(twice.files.len(), 1);
    }

    #[tokio::test]
    async fn a_path_that_no_program_can_open_costs_only_itself() {
        let deep = "deep/".repeat(2000);
        let said = format!("plain /x\x001,8 {deep}a.slp\x002,8 b.slp\x00");
        let listing = listed(said.as_bytes()).await.unwrap();
        assert_eq!((listing.files.len(), listing.skipped.count), (1, 1));
        assert_eq!(listing.skipped.items[0].why, Why::LongPath);
        let endless = [b"plain /x\x001,8 ".as_slice(), &vec![b'a'; MOST_SAID + 1]].concat();
        assert!(matches!(listed(&endless).await, Err(ListingError::TooMuch)));
    }

    #[tokio::test]
    async fn there_is_an_end_to_what_is_remembered() {
        let many =
            |what: &str| [b"plain /x\0".as_slice(), &what.repeat(300_000).into_bytes()].concat();
        let mut numbered = b"plain /x\0".to_vec();
        (0..=MOST_FILES).for_each(|n| numbered.extend(format!("0,0 {n}.slp\0").bytes()));
        assert!(matches!(listed(&numbered).await, Err(ListingError::TooMuch)));
        let links = many(&format!("link-d {}\0/{}\0", "a".repeat(700), "b".repeat(10)));
        assert!(matches!(listed(&links).await, Err(ListingError::TooMuch)));
    }

    #[test]
    fn a_file_costs_what_it_holds_or_little_more() {
        let found = |size, held| Found { path: (*b"a").into(), size, held };
        const GB: u64 = 1_000_000_000;
        for (size, held, cost) in [
            (0, 0, 0),
            (100, 4096, 100),
            (10 * GB, 10 * GB, 10 * GB),
            (SMALL, 0, SMALL),
            (20 * GB, 11 * GB, 20 * GB),
            (20 * GB, 9 * GB, 9 * GB),
            (500 * GB, 4096, 4096),
        ] {
            assert_eq!(found(size, held).cost(), cost, "{size} {held}");
        }
    }
}
