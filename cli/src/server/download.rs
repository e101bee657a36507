//! A file that may be large, on a connection that may be lost.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use reqwest::{Method, Response, StatusCode, header};
use tokio::time::sleep;

use super::{NoAnswer, Server};

/// How often in a row nothing may come.
const TRIES: u32 = 8;
const BETWEEN: Duration = Duration::from_secs(2);

/// Fetches `path` of the allocator, `size` bytes, into `file`. What came before the connection was lost
/// stays beside it as `.part`, and the next call goes on from there.
pub async fn download(
    server: &Server,
    path: &str,
    file: &Path,
    size: u64,
    tell: impl Fn(u64),
) -> Result<()> {
    let part = Part::open(file)?;
    let mut failures = 0;
    loop {
        let before = part.len()?;
        tell(before);
        if before == size {
            return part.done(file);
        }
        match part.fetch(server, path, size, &tell).await {
            Err(error) if !error.is::<NoAnswer>() => return Err(error),
            Err(error) if failures >= TRIES => return Err(error),
            _ => failures = if part.len()? > before { 0 } else { failures + 1 },
        }
        if part.len()? < size {
            sleep(BETWEEN).await;
        }
    }
}

/// What has come, and of which version of the file.
struct Part {
    bytes: PathBuf,
    version: PathBuf,
}

impl Part {
    fn open(file: &Path) -> Result<Self> {
        let beside = |ending: &str| {
            let mut name = file.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("can't make {}", folder.display()))?;
        }
        Ok(Self { bytes: beside(".part"), version: beside(".part.version") })
    }

    fn len(&self) -> Result<u64> {
        match fs::metadata(&self.bytes) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            found => Ok(found?.len()),
        }
    }

    /// Fetches what is missing, as far as the connection goes.
    async fn fetch(
        &self,
        server: &Server,
        path: &str,
        size: u64,
        tell: &impl Fn(u64),
    ) -> Result<()> {
        let mut request = server.request(Method::GET, path);
        if let (from @ 1.., Ok(version)) = (self.len()?, fs::read_to_string(&self.version)) {
            request = request.header(header::RANGE, format!("bytes={from}-"));
            request = request.header(header::IF_RANGE, version);
        }
        let mut answer = server.open(request).await?;
        let mut bytes = self.begin(&answer)?;
        let mut came = bytes.metadata()?.len();
        loop {
            let piece = answer.chunk().await.map_err(|error| NoAnswer::new(server.url(), error))?;
            let Some(piece) = piece else { break };
            bytes
                .write_all(&piece)
                .with_context(|| format!("can't write {}", self.bytes.display()))?;
            came += u64::try_from(piece.len())?;
            ensure!(came <= size, "{path} is longer than the {size} bytes that were told");
            tell(came);
        }
        Ok(bytes.sync_all()?)
    }

    /// The file to go on in; an empty one, if the whole comes.
    fn begin(&self, answer: &Response) -> Result<File> {
        if answer.status() == StatusCode::PARTIAL_CONTENT {
            return Ok(OpenOptions::new().append(true).open(&self.bytes)?);
        }
        let headers = answer.headers();
        let version = headers.get(header::ETAG).or_else(|| headers.get(header::LAST_MODIFIED));
        let bytes = File::create(&self.bytes)
            .with_context(|| format!("can't write {}", self.bytes.display()))?;
        match version.and_then(|version| version.to_str().ok()) {
            Some(version) => fs::write(&self.version, version)?,
            None => remove(&self.version)?,
        }
        Ok(bytes)
    }

    fn done(&self, file: &Path) -> Result<()> {
        fs::rename(&self.bytes, file).with_context(|| format!("can't write {}", file.display()))?;
        remove(&self.version)
    }
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
