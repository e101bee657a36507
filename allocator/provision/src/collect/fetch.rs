use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, BufReader},
    process::ChildStdout,
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    allowance::Allowance,
    archive::{Form, Head, Number, Part},
    coming::{self, ComingError},
    content::{Content, Spool},
    harvest::{Missing, Renamed},
    listing::{Found, Listing},
    names::Names,
    room::Share,
    script,
    stream::{MOST_EXTENTS, TarError, TarFile, TarStream},
    talk::{feed, listen, lock},
    tar_messages::{TarMessages, Verdict},
    vm_progress::VmProgress,
    watched::{Patience, Stopped, Watched},
    way::Way,
};
use crate::ssh::{Machine, Remote, trouble};

/// Brings the files of one VM into the archive, where each counts once it is there as a whole.
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
    pub way: &'a Way,
    pub progress: &'a VmProgress,
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
    form: Form,
    /// Bytes that it takes in the archive.
    size: u64,
    came: Came,
}

enum Came {
    Here(Head, Content),
    /// It is in the archive, and has to be kept there or left.
    There(Number),
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
        let (way, words) = (self.way, script::send(&self.listing.place));
        let started = tokio::select! {
            biased;
            () = way.stop.cancelled() => Err(Stopped.to_string()),
            started = Remote::start(self.machine, self.connect, &words) => started,
        };
        let Remote { stdin, stdout, stderr, mut ending } = match started {
            Ok(remote) => remote,
            Err(why) => {
                fetched.failure = Some(why);
                return fetched;
            }
        };
        let said = Arc::new(Mutex::new(TarMessages::about(self.listing.files.len())));
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
        let mut left: Vec<Box<[u8]>> = wanted.into_keys().map(Box::from).collect();
        for Arrived { path, came, .. } in arrived {
            left.push(path);
            // Refused: the archive is given up.
            let _refused = self.leave(came).await;
        }
        self.account_for(left, &lock(&said), &mut fetched);
        fetched
    }

    /// Takes files until the stream ends.
    async fn receive(
        &mut self,
        stdout: ChildStdout,
        said: &Mutex<TarMessages>,
        wanted: &mut HashMap<&[u8], &Found>,
        arrived: &mut VecDeque<Arrived>,
        fetched: &mut Fetched,
    ) -> Result<(), String> {
        let watched = Watched::new(stdout, self.patience).until(&self.way.stop);
        let mut stream = TarStream::new(BufReader::with_capacity(BUFFER, watched));
        let mut index = 0;
        while let Some(sent) = stream.next().await.map_err(|error| error.to_string())? {
            let TarFile { name, modified, held, layout } = sent;
            let name = name.strip_prefix(b"./").unwrap_or(&name);
            let Some((name, found)) = wanted.remove_entry(name) else {
                return Err(TarError::Unexpected.to_string());
            };
            self.progress.begin_file();
            let form = found.form();
            let cost = layout.as_ref().map_or(held, |layout| form.size(layout).max(held));
            self.allowance.spend(cost).map_err(|over| over.to_string())?;
            let (contents, path) = (stream.contents(), Box::from(name));
            let brought = match layout {
                Some(layout) => {
                    let head = Head { name: self.names.stored(name), modified, layout, form };
                    let size = head.size();
                    let came = self.bring(head, contents).await;
                    came.map(|came| arrived.push_back(Arrived { index, path, form, size, came }))
                }
                None => {
                    let left = coming::leave(contents, held).await;
                    left.map(|()| fetched.missing.add(path, too_many_holes()))
                }
            };
            if let Err(error) = brought {
                wanted.insert(name, found);
                match error {
                    // How the program ended says more.
                    ComingError::Short => break,
                    other => return Err(other.to_string()),
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

    /// Takes a file from where its bytes come: small ones wait here for their verdict.
    async fn bring(
        &mut self,
        head: Head,
        from: &mut (impl AsyncRead + Unpin),
    ) -> Result<Came, ComingError> {
        let (held, counter) = (head.layout.held(), &self.progress.bytes);
        if let Some(share) = self.spool.share(held) {
            let content = Content::in_memory(from, held, share, counter).await?;
            return Ok(Came::Here(head, content));
        }
        if self.way.is_free() {
            let share = self.share.as_mut().map(|share| share.part(head.size())).transpose()?;
            return self.way.pass(head, from, share, counter).await.map(Came::There);
        }
        let content = self.spool.to_disk(from, held, counter).await?;
        Ok(Came::Here(head, content))
    }

    /// Decides on files whose verdict is known, in order.
    async fn settle(
        &mut self,
        said: &Mutex<TarMessages>,
        arrived: &mut VecDeque<Arrived>,
        fetched: &mut Fetched,
    ) -> Result<(), String> {
        while let Some(first) = arrived.front() {
            let verdict = lock(said).verdict(first.index);
            if verdict == Verdict::Open {
                return Ok(());
            }
            let Some(Arrived { path, form, size, came, .. }) = arrived.pop_front() else {
                return Ok(());
            };
            let kept = match verdict {
                Verdict::Spoiled(why) => {
                    fetched.missing.add(path, why);
                    self.leave(came).await.map_err(|error| error.to_string())?;
                    continue;
                }
                Verdict::Whole | Verdict::Open => self.keep(came).await,
            };
            if let Err(error) = kept {
                let why = error.to_string();
                fetched.missing.add(path, why.clone());
                return Err(why);
            }
            if self.names.is_changed(&path) {
                let stored = self.names.stored(&path);
                fetched.renamed.push(Renamed { path, stored, form });
            }
            fetched.files += 1;
            fetched.bytes += size;
            self.progress.files.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    async fn keep(&mut self, came: Came) -> Result<(), ComingError> {
        match came {
            Came::There(number) => self.way.send(Part::Keep(number)).await,
            Came::Here(head, content) => {
                if let Some(share) = &mut self.share {
                    let size = head.size();
                    share.part(size)?.spend(size)?;
                }
                self.way.send(Part::Whole(head, content)).await
            }
        }
    }

    async fn leave(&self, came: Came) -> Result<(), ComingError> {
        match came {
            Came::There(number) => self.way.send(Part::Leave(number)).await,
            Came::Here(..) => Ok(()),
        }
    }

    /// Files that did not come, each with its reason.
    fn account_for(&self, left: Vec<Box<[u8]>>, said: &TarMessages, fetched: &mut Fetched) {
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

fn too_many_holes() -> String {
    format!("it has more than {MOST_EXTENTS} holes: copy it with cp --sparse=never")
}
