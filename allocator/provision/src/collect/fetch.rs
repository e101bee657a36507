use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{ChildStderr, ChildStdin, ChildStdout},
    sync::mpsc,
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    archive::Part,
    content::{Content, Spool, SpoolError},
    harvest::{Renamed, Unread},
    listing::Listing,
    machine::Machine,
    names::Names,
    remote::Remote,
    said::{Said, Verdict},
    script,
    stream::{TarError, TarFile, TarStream},
    tally::Tally,
    trouble,
    watched::{Patience, Watched},
};

/// Brings the files of one VM into the archive, each once it is there as a whole.
pub(super) struct Fetch<'a> {
    pub machine: &'a Machine,
    pub listing: Arc<Listing>,
    pub names: Names,
    pub patience: Patience,
    pub connect: Duration,
    pub spool: &'a Spool,
    pub parts: &'a mpsc::Sender<Part>,
    pub tally: &'a Tally,
}

/// What has come, and what has not.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    pub files: u64,
    pub bytes: u64,
    pub unread: Vec<Unread>,
    pub renamed: Vec<Renamed>,
    /// Why it ended early.
    pub failure: Option<String>,
}

/// A file that has come, while it is not known yet whether it is whole.
struct Arrived {
    /// Its place in the stream, from 0.
    index: usize,
    path: Box<[u8]>,
    modified: Timestamp,
    size: u64,
    content: Content,
}

/// Files that wait for their verdict. A VM that never gives one is not followed for ever.
const MOST_ARRIVED: usize = 500;
const BUFFER: usize = 128 * 1024;
const LAST_WORDS: Duration = Duration::from_secs(10);
/// `tar`: 0 is fine, 1 and 2 are about single files, which it names.
const TAR_DONE: std::ops::RangeInclusive<i32> = 0..=2;

impl Fetch<'_> {
    pub async fn run(self) -> Fetched {
        let mut fetched = Fetched::default();
        let words = script::send(&self.listing.place);
        let Remote { stdin, stdout, stderr, mut ending } =
            match Remote::start(self.machine, self.connect, &words).await {
                Ok(remote) => remote,
                Err(why) => {
                    fetched.failure = Some(why);
                    return fetched;
                }
            };
        let said = Arc::new(Mutex::new(Said::about(self.listing.files.len())));
        let _feeding = AbortOnDropHandle::new(tokio::spawn(feed(stdin, Arc::clone(&self.listing))));
        let listening = tokio::spawn(listen(stderr, Arc::clone(&said)));
        let mut listening = AbortOnDropHandle::new(listening);

        let mut wanted: HashSet<&[u8]> = self.listing.files.iter().map(|it| &*it.path).collect();
        let mut arrived = VecDeque::new();
        let received = self.receive(stdout, &said, &mut wanted, &mut arrived, &mut fetched).await;
        if received.is_err() {
            ending.kill().await;
        }
        // A program of the VM's that outlives the connection could keep it open.
        let _elapsed = timeout(LAST_WORDS, &mut listening).await;
        fetched.failure = match (received, ending.status().await) {
            (Err(why), _) => Some(why),
            (Ok(()), Ok(status)) if status.code().is_some_and(|it| TAR_DONE.contains(&it)) => {
                lock(&said).end();
                None
            }
            (Ok(()), Ok(status)) => {
                Some(trouble::sentence(self.machine, status, &lock(&said).last_words()))
            }
            (Ok(()), Err(error)) => Some(format!("its end could not be waited for: {error}")),
        };
        if let Err(why) = self.settle(&said, &mut arrived, &mut fetched).await {
            fetched.failure.get_or_insert(why);
        }
        let left = arrived.into_iter().map(|it| it.path);
        let left: Vec<Box<[u8]>> = left.chain(wanted.into_iter().map(Box::from)).collect();
        self.account_for(left, &lock(&said), &mut fetched);
        fetched
    }

    /// Takes files until the stream ends.
    async fn receive(
        &self,
        stdout: ChildStdout,
        said: &Mutex<Said>,
        wanted: &mut HashSet<&[u8]>,
        arrived: &mut VecDeque<Arrived>,
        fetched: &mut Fetched,
    ) -> Result<(), String> {
        let stream = BufReader::with_capacity(BUFFER, Watched::new(stdout, self.patience));
        let mut stream = TarStream::new(stream).map_err(|error| error.to_string())?;
        let mut index = 0;
        while let Some(sent) = stream.next().await.map_err(|error| error.to_string())? {
            let TarFile { name, modified, size, mut contents } = sent;
            let Some(found) = wanted.take(name.strip_prefix(b"./").unwrap_or(&name)) else {
                return Err(TarError::Unexpected.to_string());
            };
            self.tally.begin_file();
            let content = match self.spool.take(&mut contents, size, &self.tally.bytes).await {
                Ok(content) => content,
                Err(error) => {
                    wanted.insert(found);
                    match error {
                        // How the program ended says more.
                        SpoolError::Short => break,
                        other => return Err(other.to_string()),
                    }
                }
            };
            let path: Box<[u8]> = found.into();
            arrived.push_back(Arrived { index, path, modified, size, content });
            index += 1;
            self.settle(said, arrived, fetched).await?;
            if arrived.len() > MOST_ARRIVED {
                return Err("it does not say which of its files are whole".to_owned());
            }
        }
        stream.finish().await.map_err(|error| error.to_string())
    }

    /// Passes on what is known to be whole, in order.
    async fn settle(
        &self,
        said: &Mutex<Said>,
        arrived: &mut VecDeque<Arrived>,
        fetched: &mut Fetched,
    ) -> Result<(), String> {
        while let Some(first) = arrived.front() {
            let verdict = lock(said).verdict(first.index);
            if verdict == Verdict::Open {
                return Ok(());
            }
            let Some(Arrived { path, modified, size, content, .. }) = arrived.pop_front() else {
                return Ok(());
            };
            match verdict {
                Verdict::Spoiled(why) => fetched.unread.push(Unread { path, why }),
                Verdict::Whole | Verdict::Open => {
                    let name = self.names.stored(&path);
                    if self.names.is_changed(&path) {
                        fetched.renamed.push(Renamed { path, stored: name.clone() });
                    }
                    let part = Part::File { name, modified, size, content };
                    if self.parts.send(part).await.is_err() {
                        return Err("the archive could not be written".to_owned());
                    }
                    fetched.files += 1;
                    fetched.bytes += size;
                    self.tally.files.fetch_add(1, Relaxed);
                }
            }
        }
        Ok(())
    }

    /// Files that did not come, each with its reason.
    fn account_for(&self, left: Vec<Box<[u8]>>, said: &Said, fetched: &mut Fetched) {
        for path in left {
            let why = said.why_not(&path);
            if why.is_none() && fetched.failure.is_none() {
                let last = trouble::plain(&said.last_words());
                fetched.failure = Some(format!("it did not send all of its files: {last}"));
            }
            let why = why.or_else(|| fetched.failure.clone()).unwrap_or_default();
            fetched.unread.push(Unread { path, why });
        }
    }
}

async fn feed(mut stdin: ChildStdin, listing: Arc<Listing>) {
    let mut writer = tokio::io::BufWriter::new(&mut stdin);
    for file in &listing.files {
        let name = [b"./", &*file.path, b"\0"].concat();
        // Who doesn't read it has ended, and says so.
        if writer.write_all(&name).await.is_err() {
            return;
        }
    }
    let _ended = writer.flush().await;
}

async fn listen(stderr: ChildStderr, said: Arc<Mutex<Said>>) {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    while let Ok(1..) = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
        lock(&said).line(line.strip_suffix(b"\n").unwrap_or(&line));
        line.clear();
    }
}

const LONGEST_LINE: u64 = 64 * 1024;

fn lock(said: &Mutex<Said>) -> MutexGuard<'_, Said> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}
