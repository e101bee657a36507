use std::io;

use futures_util::{StreamExt, stream::BoxStream};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_tar::{Archive, Entry};

/// The files of a `tar` stream in GNU's format, as they come.
///
/// Long names are put together here and not by the crate: whoever sends the stream may mean harm,
/// and the crate would take a name of any length into memory.
pub(super) struct TarStream<R: AsyncRead + Unpin> {
    archive: Archive<R>,
    entries: BoxStream<'static, io::Result<Entry<Archive<R>>>>,
}

pub(super) struct TarFile<R: AsyncRead + Unpin> {
    /// As the archive has it, `./` in front.
    pub name: Vec<u8>,
    pub modified: Timestamp,
    /// In bytes.
    pub size: u64,
    pub contents: Entry<Archive<R>>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum TarError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it sent what it was not asked for")]
    Unexpected,
}

/// `PATH_MAX`, and room for what stands around a name.
const LONGEST_NAME: u64 = 4096 + 16;
/// What may follow the last file: `tar` fills up its last record.
const MOST_PADDING: u64 = 1024 * 1024;

impl<R: AsyncRead + Unpin + Send + 'static> TarStream<R> {
    pub fn new(from: R) -> io::Result<Self> {
        let mut archive = Archive::new(from);
        let entries = archive.entries_raw()?.boxed();
        Ok(Self { archive, entries })
    }

    /// The next file, if there is one. That the stream was cut off is not told here: how the
    /// program has ended says more.
    pub async fn next(&mut self) -> Result<Option<TarFile<R>>, TarError> {
        let mut long_name = None;
        loop {
            let mut entry = match self.entries.next().await {
                Some(Ok(entry)) => entry,
                Some(Err(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Err(error.into());
                }
                Some(Err(_)) | None => return Ok(None),
            };
            let kind = entry.header().entry_type();
            if kind.is_gnu_longname() && long_name.is_none() {
                let mut name = Vec::new();
                (&mut entry).take(LONGEST_NAME).read_to_end(&mut name).await?;
                if entry.effective_size() > LONGEST_NAME {
                    return Err(TarError::Unexpected);
                }
                name.truncate(name.strip_suffix(b"\0").unwrap_or(&name).len());
                long_name = Some(name);
                continue;
            }
            if !kind.is_file() {
                return Err(TarError::Unexpected);
            }
            let name = long_name.unwrap_or_else(|| entry.header().path_bytes().into_owned());
            let modified = entry.header().mtime().ok().and_then(|it| i64::try_from(it).ok());
            let modified = modified.and_then(|it| Timestamp::from_second(it).ok());
            let size = entry.effective_size();
            let modified = modified.unwrap_or_default();
            return Ok(Some(TarFile { name, modified, size, contents: entry }));
        }
    }

    /// Reads what is left, so that the sender ends well.
    pub async fn finish(self) -> io::Result<()> {
        drop(self.entries);
        let Ok(stream) = self.archive.into_inner() else { return Ok(()) };
        tokio::io::copy(&mut stream.take(MOST_PADDING), &mut tokio::io::sink()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn tar(arguments: &[&str]) -> Vec<u8> {
        let output = Command::new("tar")
            .args(["--create", "--file=-", "--format=gnu"])
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
        let mut stream = TarStream::new(std::io::Cursor::new(sent)).unwrap();
        let mut file = stream.next().await.unwrap().unwrap();
        assert_eq!(file.name, format!("./{long}").into_bytes());
        let mut contents = String::new();
        file.contents.read_to_string(&mut contents).await.unwrap();
        assert_eq!((contents.as_str(), file.size), ("contents", 8));
        assert!(stream.next().await.unwrap().is_none());
        stream.finish().await.unwrap();
    }

    #[tokio::test]
    async fn a_name_without_end_and_what_is_no_file_are_refused() {
        let mut header = tokio_tar::Header::new_gnu();
        header.set_entry_type(tokio_tar::EntryType::GNULongName);
        header.set_size(1 << 40);
        header.set_cksum();
        let endless = [header.as_bytes().as_slice(), &[b'a'; 100_000]].concat();
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        let link = tar(&["-C", folder.path().to_str().unwrap(), "./link"]);
        for sent in [endless, link] {
            let mut stream = TarStream::new(std::io::Cursor::new(sent)).unwrap();
            assert!(matches!(stream.next().await, Err(TarError::Unexpected)));
        }
    }
}
