use std::{io, ops::Range};

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

use super::layout::Layout;

/// The files of a `tar` stream in GNU's format, as they come, sparse ones with their holes.
///
/// Headers are read here and not by the crate: the sender may mean harm, and here everything that is
/// taken into memory has bounds.
pub(super) struct TarStream<R> {
    from: R,
    /// What fills up the last file's last block, in bytes.
    padding: u64,
}

/// A file, whose bytes come next.
pub(super) struct TarFile {
    /// As the archive has it, `./` in front.
    pub name: Vec<u8>,
    pub modified: Timestamp,
    /// Bytes that come: its holes do not.
    pub held: u64,
    /// None: it has too many holes.
    pub layout: Option<Layout>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum TarError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it sent what it was not asked for")]
    Unexpected,
}

const BLOCK: usize = 512;
/// `PATH_MAX`, and room for what stands around a name.
const LONGEST_NAME: u64 = 4096 + 16;
/// The most extents of one file: each takes memory while the file waits.
pub(super) const MOST_EXTENTS: usize = 16_384;
/// What may follow the last file: `tar` fills up its last record.
const MOST_PADDING: u64 = 1024 * 1024;

impl<R: AsyncRead + Unpin> TarStream<R> {
    pub fn new(from: R) -> Self {
        Self { from, padding: 0 }
    }

    /// The next file, if there is one; its bytes are to be read before the next. That the stream
    /// was cut off is not told here: how the program has ended says more.
    pub async fn next(&mut self) -> Result<Option<TarFile>, TarError> {
        let mut long_name = None;
        loop {
            let Some(block) = self.block().await? else { return Ok(None) };
            if block == [0; BLOCK] {
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block);
            if !is_sound(header) {
                return Err(TarError::Unexpected);
            }
            let (kind, held) = (header.entry_type(), number(header.raw_entry_size())?);
            self.padding = (BLOCK as u64 - held % BLOCK as u64) % BLOCK as u64;
            if kind.is_gnu_longname() && long_name.is_none() && held <= LONGEST_NAME {
                let mut name = Vec::new();
                (&mut self.from).take(held).read_to_end(&mut name).await?;
                name.truncate(name.strip_suffix(b"\0").unwrap_or(&name).len());
                long_name = Some(name);
                continue;
            }
            let layout = match header.as_gnu() {
                Some(gnu) if kind.is_gnu_sparse() => {
                    let more = gnu.is_extended();
                    self.sparse(number(gnu.real_size())?, held, &gnu.sparse, more).await?
                }
                _ if kind.is_file() => Some(Layout::full(held)),
                _ => return Err(TarError::Unexpected),
            };
            let name = long_name.unwrap_or_else(|| header.path_bytes().into_owned());
            let modified = header.mtime().ok().and_then(|it| i64::try_from(it).ok());
            let modified = modified.and_then(|it| Timestamp::from_second(it).ok());
            let modified = modified.unwrap_or_default();
            return Ok(Some(TarFile { name, modified, held, layout }));
        }
    }

    /// Where the bytes of the last file come from: as many as it holds.
    pub fn contents(&mut self) -> &mut R {
        &mut self.from
    }

    /// Reads what is left, so that the sender ends well.
    pub async fn finish(self) -> io::Result<()> {
        tokio::io::copy(&mut self.from.take(MOST_PADDING), &mut tokio::io::sink()).await?;
        Ok(())
    }

    /// The next block behind the last file's; none: the stream ends.
    async fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let padding = std::mem::take(&mut self.padding);
        tokio::io::copy(&mut (&mut self.from).take(padding), &mut tokio::io::sink()).await?;
        let mut block = [0; BLOCK];
        match self.from.read_exact(&mut block).await {
            Ok(_) => Ok(Some(block)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The layout of a sparse file; what its header has no room for stands in blocks behind it.
    async fn sparse(
        &mut self,
        size: u64,
        held: u64,
        first: &[GnuSparseHeader],
        mut more: bool,
    ) -> Result<Option<Layout>, TarError> {
        let mut extents = Vec::new();
        note(first, &mut extents)?;
        let padding = std::mem::take(&mut self.padding);
        while more {
            let block = self.block().await?.ok_or(TarError::Unexpected)?;
            let mut further = GnuExtSparseHeader::new();
            *further.as_mut_bytes() = block;
            more = further.is_extended();
            if extents.len() <= MOST_EXTENTS {
                note(further.sparse(), &mut extents)?;
            }
        }
        self.padding = padding;
        if extents.len() > MOST_EXTENTS {
            return Ok(None);
        }
        let layout = Layout::sparse(size, extents).filter(|layout| layout.held() == held);
        layout.map(Some).ok_or(TarError::Unexpected)
    }
}

/// What stands in a field of a header.
fn number(told: io::Result<u64>) -> Result<u64, TarError> {
    told.map_err(|_garbled| TarError::Unexpected)
}

/// Takes what a header tells of extents. An empty one stands for a hole at the end.
fn note(told: &[GnuSparseHeader], extents: &mut Vec<Range<u64>>) -> Result<(), TarError> {
    for told in told.iter().filter(|it| !it.is_empty()) {
        let (start, length) = (number(told.offset())?, number(told.length())?);
        let end = start.checked_add(length).ok_or(TarError::Unexpected)?;
        if length > 0 {
            extents.push(start..end);
        }
    }
    Ok(())
}

/// Whether its sum is right, in which its own place counts as spaces.
fn is_sound(header: &Header) -> bool {
    let bytes = header.as_bytes();
    let sum = bytes[..148].iter().chain(&bytes[156..]).map(|byte| u32::from(*byte)).sum::<u32>();
    header.cksum().is_ok_and(|told| told == sum + 8 * u32::from(b' '))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        os::unix::fs::FileExt,
        process::{Command, Stdio},
    };

    use super::*;

    fn tar(arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("tar")
            .args(["--create", "--file=-", "--format=gnu", "--sparse"])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    #[tokio::test]
    async fn names_of_any_length_that_a_path_can_have_come_whole() {
        let folder = tempfile::tempdir().unwrap();
        let long = format!("{}/file", ["n".repeat(200).as_str(); 10].join("/"));
        let path = folder.path().join(&long);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "contents").unwrap();
        let sent = tar(&["-C", folder.path().to_str().unwrap(), &format!("./{long}")]);
        let mut stream = TarStream::new(std::io::Cursor::new(sent));
        let file = stream.next().await.unwrap().unwrap();
        assert_eq!(file.name, format!("./{long}").into_bytes());
        let mut contents = [0; 8];
        stream.contents().read_exact(&mut contents).await.unwrap();
        assert_eq!((&contents, file.held), (b"contents", 8));
        assert!(stream.next().await.unwrap().is_none());
        stream.finish().await.unwrap();
    }

    #[tokio::test]
    async fn sparse_files_come_with_their_holes_whatever_their_number() {
        let folder = tempfile::tempdir().unwrap();
        for (name, count) in [("none", 0), ("few", 3), ("many", 60), ("too-many", 17_000)] {
            let file = File::create(folder.path().join(name)).unwrap();
            // tar looks for holes by blocks of the file system.
            for n in 0..count {
                file.write_all_at(&[7; 4096], n * 65_536).unwrap();
            }
            file.set_len(500_000_000_000).unwrap();
        }
        let names = ["./none", "./few", "./many", "./too-many", "./few"];
        let folder = folder.path().to_str().unwrap();
        let sent = tar(&[["-C", folder, "--hard-dereference"].as_slice(), &names].concat());
        let mut stream = TarStream::new(std::io::Cursor::new(sent));
        for (name, count) in names.into_iter().zip([0, 3, 60, 17_000, 3]) {
            let file = stream.next().await.unwrap().unwrap();
            assert_eq!((file.name.as_slice(), file.held), (name.as_bytes(), count * 4096));
            let mut contents = vec![0; usize::try_from(file.held).unwrap()];
            stream.contents().read_exact(&mut contents).await.unwrap();
            assert!(contents.iter().all(|byte| *byte == 7));
            match file.layout {
                None => assert_eq!(count, 17_000),
                Some(layout) => {
                    assert_eq!(layout.size(), 500_000_000_000);
                    assert_eq!(layout.extents().len() as u64, count);
                }
            }
        }
        assert!(stream.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_means_harm_is_refused() {
        let header = |kind, size| {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(size);
            header.set_cksum();
            header
        };
        let endless = header(tokio_tar::EntryType::GNULongName, 1 << 40);
        let endless = [endless.as_bytes().as_slice(), &[b'a'; 100_000]].concat();
        // It says that it holds more than its extents do.
        let lying = header(tokio_tar::EntryType::GNUSparse, 1 << 40).as_bytes().to_vec();
        let mut garbled = header(tokio_tar::EntryType::Regular, 1).as_bytes().to_vec();
        garbled[0] = b'x';
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        let mkfifo = Command::new("mkfifo").arg(folder.path().join("fifo")).status().unwrap();
        assert!(mkfifo.success());
        let folder = folder.path().to_str().unwrap();
        let [link, fifo] = ["./link", "./fifo"].map(|name| tar(&["-C", folder, name]));
        for sent in [endless, lying, garbled, link, fifo] {
            let mut stream = TarStream::new(std::io::Cursor::new(sent));
            assert!(matches!(stream.next().await, Err(TarError::Unexpected)));
        }
    }
}
