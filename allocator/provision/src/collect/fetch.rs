use std::{
    collections::{HashMap, VecDeque},
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
    allowance::Allowance,
    archive::{Form, Part},
    content::{Content, Spool, SpoolError},
    harvest::{Missing, Renamed},
    layout::Layout,
    listing::{Found, Listing},
    names::Names,
    room::Share,
    said::{Said, Verdict},
    script,
    stream::{MOST_EXTENTS, TarError, TarFile, TarStream},
    tally::Tally,
    watched::{Patience, Watched},
};
use crate::ssh::{Machine, Remote, trouble};

/// Brings the files of one VM into the archive, each once it is there as a whole.
pub(super) struct Fetch<'a> {
    pub machine: &'a Machine,
    pub listing: Arc<Listing>,
    pub names: Names,
    pub patience: Patience,
    /// What it may send.
    pub allowance: Allowance,
    /// Its share of the archive's disk, if that is one of ours.
    pub share: Option<Share>,
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
    pub missing: Missing,
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
    layout: Layout,
    form: Form,
    content: Content,
}

/// Files that wait for their verdict. A VM that never gives one is not followed for ever.
const MOST_ARRIVED: usize = 500;
const BUFFER: usize = 128 * 1024;
const LAST_WORDS: Duration = Duration::from_secs(10);
/// `tar`: 0 is fine, 1 and 2 are about single files, which it names.
const TAR_DONE: std::ops::RangeInclusive<i32> = 0..=2;

impl Fetch<'_> {
    pub async fn run(mut self) -> Fetched {
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

        let listing = Arc::clone(&self.listing);
        let mut wanted: HashMap<&[u8], &Found> =
            listing.files.iter().map(|it| (&*it.path, it)).collect();
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
        let left: Vec<Box<[u8]>> = left.chain(wanted.into_keys().map(Box::from)).collect();
        self.account_for(left, &lock(&said), &mut fetched);
        fetched
    }

    /// Takes files until the stream ends.
    async fn receive(
        &mut self,
        stdout: ChildStdout,
        said: &Mutex<Said>,
        wanted: &mut HashMap<&[u8], &Found>,
        arrived: &mut VecDeque<Arrived>,
        fetched: &mut Fetched,
    ) -> Result<(), String> {
        let stream = BufReader::with_capacity(BUFFER, Watched::new(stdout, self.patience));
        let mut stream = TarStream::new(stream);
        let mut index = 0;
        while let Some(sent) = stream.next().await.map_err(|error| error.to_string())? {
            let TarFile { name, modified, held, layout } = sent;
            let name = name.strip_prefix(b"./").unwrap_or(&name);
            let Some((name, found)) = wanted.remove_entry(name) else {
                return Err(TarError::Unexpected.to_string());
            };
            self.tally.begin_file();
            let form = found.form();
            let cost = layout.as_ref().map_or(held, |layout| form.size(layout).max(held));
            self.allowance.spend(cost).map_err(|over| over.to_string())?;
            let contents = stream.contents();
            let content = match layout {
                Some(_) => self.spool.take(contents, held, &self.tally.bytes).await.map(Some),
                None => Spool::leave(contents, held).await.map(|()| None),
            };
            let path: Box<[u8]> = name.into();
            match (content, layout) {
                (Ok(Some(content)), Some(layout)) => {
                    arrived.push_back(Arrived { index, path, modified, layout, form, content });
                }
                (Ok(_), _) => fetched.missing.add(path, too_many_holes()),
                (Err(error), _) => {
                    wanted.insert(name, found);
                    match error {
                        // How the program ended says more.
                        SpoolError::Short => break,
                        other => return Err(other.to_string()),
                    }
                }
            }
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
        &mut self,
        said: &Mutex<Said>,
        arrived: &mut VecDeque<Arrived>,
        fetched: &mut Fetched,
    ) -> Result<(), String> {
        while let Some(first) = arrived.front() {
            let verdict = lock(said).verdict(first.index);
            if verdict == Verdict::Open {
                return Ok(());
            }
            let Some(Arrived { path, modified, layout, form, content, .. }) = arrived.pop_front()
            else {
                return Ok(());
            };
            match verdict {
                Verdict::Spoiled(why) => fetched.missing.add(path, why),
                Verdict::Whole | Verdict::Open => {
                    let size = form.size(&layout);
                    let share = self.share.as_mut().map(|share| share.part(size)).transpose();
                    let share = match share.map_err(|full| full.to_string()) {
                        Ok(share) => share,
                        Err(why) => {
                            fetched.missing.add(path, why.clone());
                            return Err(why);
                        }
                    };
                    let name = self.names.stored(&path);
                    if self.names.is_changed(&path) {
                        fetched.renamed.push(Renamed { path, stored: name.clone(), form });
                    }
                    let part = Part::File { name, modified, layout, form, content, share };
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
        let reasons = said.reasons();
        for path in left {
            let why = reasons.of(&path);
            if why.is_none() && fetched.failure.is_none() {
                let last = trouble::plain(&said.last_words());
                fetched.failure = Some(format!("it did not send all of its files: {last}"));
            }
            let why = why.or_else(|| fetched.failure.clone()).unwrap_or_default();
            fetched.missing.add(path, why);
        }
    }
}

async fn feed(mut stdin: ChildStdin, listing: Arc<Listing>) {
    let mut writer = tokio::io::BufWriter::new(&mut stdin);
    for file in &listing.files {
        let name = [b"./", &*file.path, b"\0"].concat();
        // A reader that has gone reports its own end.
        if writer.write_all(&name).await.is_err() {
            return;
        }
    }
    let _ended = writer.flush().await;
}

async fn listen(stderr: ChildStderr, said: Arc<Mutex<Said>>) {
    let mut lines = BufReader::new(stderr.take(MOST_SAID));
    let mut line = Vec::new();
    while let Ok(1..) = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
        lock(&said).line(line.strip_suffix(b"\n").unwrap_or(&line));
        line.clear();
    }
}

fn too_many_holes() -> String {
    format!("it has more than {MOST_EXTENTS} holes: copy it with cp --sparse=never")
}

const LONGEST_LINE: u64 = 64 * 1024;
/// The most bytes of all lines, with names that `tar` has escaped. The rest is not read.
const MOST_SAID: u64 = 256 * 1024 * 1024;

fn lock(said: &Mutex<Said>) -> MutexGuard<'_, Said> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}
