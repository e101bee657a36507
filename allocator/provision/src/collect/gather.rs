use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use lablink_core::{Scope, pools::Extension};
use tokio::{
    io::BufReader,
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Limits,
    allowance::Allowance,
    content::Spool,
    fetch::Fetch,
    harvest::{Harvest, Missing},
    listing::{self, Listing, ListingError},
    names::{self, Names},
    room::Share,
    script,
    skipped::Skipped,
    vm_progress::{Doing, VmProgress},
    watched::{Patience, Stopped, Watched},
    way::Way,
};
use crate::{
    last_words::last_words,
    ssh::{Machine, Reach, Remote, trouble},
};

const LAST_WORDS: Duration = Duration::from_secs(10);

/// Reads VMs, several at once.
#[derive(Clone)]
pub(super) struct Gatherer {
    pub scope: Scope,
    pub limits: Limits,
    pub spool: Spool,
}

/// A VM, and how far one has come with it.
#[derive(Clone)]
pub(super) struct Visit {
    pub machine: Machine,
    pub progress: Arc<VmProgress>,
}

/// A VM that has been asked what it has.
pub(super) struct Listed {
    visit: Visit,
    pub found: Result<Found, String>,
    spent: Duration,
}

pub(super) struct Found {
    pub listing: Arc<Listing>,
    allowance: Allowance,
    /// Its share of the archive's disk, if that is one of ours and has room.
    pub share: Option<Share>,
    /// What waiting for it may still take.
    left: Duration,
    /// Why there may be more than is listed.
    incomplete: Option<String>,
}

impl Gatherer {
    /// Asks all of them what they have, and gives each answer as it comes. Dropping it ends all.
    pub fn list<'a>(
        &'a self,
        visits: &'a [Visit],
        extension: &'a Extension,
    ) -> impl Stream<Item = Listed> + 'a {
        futures_util::stream::iter(visits)
            .map(|visit| self.list_one(visit.clone(), extension))
            .buffer_unordered(self.limits.at_once)
    }

    /// Fetches what was listed into the archive. Dropping it ends all.
    pub fn fetch<'a>(
        &'a self,
        listed: impl Stream<Item = Listed> + 'a,
        way: &'a Way,
    ) -> impl Stream<Item = Harvest> + 'a {
        listed.map(|listed| self.fetch_one(listed, way)).buffer_unordered(self.limits.at_once)
    }

    async fn list_one(&self, mut visit: Visit, extension: &Extension) -> Listed {
        let before = Instant::now();
        visit.progress.set(Doing::Listing);
        let found = self.ask(&mut visit.machine, extension).await;
        if let Ok(found) = &found {
            visit.progress.found(&found.listing);
        }
        visit.progress.set(Doing::Waiting);
        Listed { visit, found, spent: before.elapsed() }
    }

    async fn ask(&self, machine: &mut Machine, extension: &Extension) -> Result<Found, String> {
        let (directory, left_out) = match &machine.reach {
            Reach::Here(directory) => (directory.clone().into(), script::AGENT_STATE),
            Reach::Ssh { access, .. } => {
                let directory = access.directory.as_ref();
                (directory.map(|it| it.as_str().into()).unwrap_or_default(), "")
            }
            Reach::None(why) => return Err(why.clone()),
        };
        let words = script::list(directory, extension, left_out);
        let Limits { connect, stall, per_vm, bytes_per_vm, .. } = self.limits;
        let Remote { stdin: _, stdout, stderr, mut ending } =
            Remote::start(machine, connect, &words).await?;
        let most = self.limits.list();
        // It may be slow: a search through many folders may find little.
        let patience = Patience { stall, left: most, slowest: 0 };
        let mut stream = BufReader::new(Watched::new(stdout, patience));
        let said = tokio::spawn(last_words(stderr, trouble::LONGEST));
        let mut said = AbortOnDropHandle::new(said);
        let listing = listing::read(&mut stream, extension).await;
        if listing.is_err() && !matches!(listing, Err(ListingError::NoPlace)) {
            ending.kill().await;
        }
        let status = ending.status().await.map_err(|error| error.to_string())?;
        // A program that outlives the one that listed could keep it open.
        let said = match timeout(LAST_WORDS, &mut said).await {
            Ok(said) => said.unwrap_or_default(),
            Err(_elapsed) => Vec::new(),
        };
        machine.remember(&self.scope, ending.learned()).await?;
        let incomplete = match (&listing, status.success()) {
            (Err(ListingError::NoPlace), false) => {
                return Err(trouble::sentence(machine, status, &said));
            }
            (Ok(_), false) => Some(format!(
                "not all of its folders could be read: {}",
                trouble::sentence(machine, status, &said)
            )),
            (_, _) => None,
        };
        let left = stream.get_ref().left();
        let listing = Arc::new(listing.map_err(|error| match error {
            ListingError::Io(_) if left.is_zero() => {
                format!("it did not say within {} s what it has", most.as_secs())
            }
            other => other.to_string(),
        })?);
        let allowance = Allowance::of(&listing, bytes_per_vm).map_err(|over| over.to_string())?;
        let left = per_vm.saturating_sub(most - left);
        Ok(Found { listing, allowance, share: None, left, incomplete })
    }

    async fn fetch_one(&self, listed: Listed, way: &Way) -> Harvest {
        let Listed { visit: Visit { machine, progress }, found, spent } = listed;
        let before = Instant::now();
        let mut harvest = Harvest {
            hostname: machine.hostname.clone(),
            folder: names::folder(&machine),
            files: 0,
            bytes: 0,
            missing: Missing::default(),
            renamed: Vec::new(),
            skipped: Skipped::default(),
            seconds: 0.0,
            failure: None,
        };
        match found {
            Err(why) => harvest.failure = Some(why),
            Ok(Found { listing, incomplete, .. }) if listing.files.is_empty() => {
                harvest.skipped = listing.skipped.clone();
                harvest.failure = incomplete;
            }
            Ok(_) if way.stop.is_cancelled() => harvest.failure = Some(Stopped.to_string()),
            Ok(Found { listing, allowance, share, left, incomplete }) => {
                progress.set(Doing::Fetching);
                harvest.skipped = listing.skipped.clone();
                let names = Names::of(&harvest.folder, &listing.files);
                let Self { limits: Limits { connect, stall, slowest, .. }, spool, .. } = self;
                let patience = Patience { stall: *stall, left, slowest: *slowest };
                let (machine, progress, connect) = (&machine, &*progress, *connect);
                let fetch = Fetch {
                    machine,
                    listing,
                    names,
                    patience,
                    allowance,
                    share,
                    connect,
                    spool,
                    way,
                    progress,
                };
                let fetched = fetch.run().await;
                (harvest.files, harvest.bytes) = (fetched.files, fetched.bytes);
                (harvest.missing, harvest.renamed) = (fetched.missing, fetched.renamed);
                harvest.failure = fetched.failure.or(incomplete);
                progress.bytes.store(harvest.bytes, Relaxed);
            }
        }
        harvest.seconds = (spent + before.elapsed()).as_secs_f64();
        progress.set(Doing::Over);
        way.one_less();
        harvest
    }
}
