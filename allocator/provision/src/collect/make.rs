use std::{io, time::Duration};

use futures_util::{Stream, StreamExt};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    archive::{self, Medium, Part},
    gather::{Gatherer, Listed},
    harvest::Harvest,
    report::report,
    way::Way,
};

/// The making of one archive.
pub(super) struct Making<'a, M> {
    pub gatherer: &'a Gatherer,
    pub medium: M,
    /// How many VMs there are.
    pub vms: usize,
    /// Ends it early, with what came until then.
    pub stop: CancellationToken,
    /// Whether an archive is worth it for what came of a VM.
    pub is_worth: fn(&Harvest) -> bool,
}

/// What has been made of VMs' files.
pub(super) struct Made {
    /// In the order in which they were done with.
    pub harvests: Vec<Harvest>,
    /// The size of the archive in bytes. None: there was nothing to put into it.
    pub size: Option<u64>,
}

/// Files, and pieces of large ones, on their way to the archive.
const ON_THE_WAY: usize = 8;
/// Load balancers give up an answer of which nothing came for half a minute.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

impl<M: Medium + Send + 'static> Making<'_, M> {
    /// Fetches what was listed into the archive, and tells of each VM when it is done with.
    /// Dropping it ends all of it, and leaves a torso, as it does where no VM gave what is worth
    /// an archive.
    pub async fn run(
        self,
        listed: impl Stream<Item = Listed>,
        mut done: impl FnMut(&Harvest),
    ) -> io::Result<Made> {
        let Self { gatherer, medium, vms, stop, is_worth } = self;
        let (parts, to_write) = mpsc::channel(ON_THE_WAY);
        let mut writing = tokio::task::spawn_blocking(move || archive::write(to_write, medium));
        let way = Way::new(parts, M::ORDER, vms, stop);
        let mut signs = interval_at(Instant::now() + SIGN_OF_LIFE, SIGN_OF_LIFE);
        signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut harvests = Vec::new();
        {
            let fetching = gatherer.fetch(listed, &way);
            tokio::pin!(fetching);
            loop {
                let harvest = tokio::select! {
                    harvest = fetching.next() => harvest,
                    // Only ever because it can't write.
                    written = &mut writing => return Err(failure(written)),
                    _at = signs.tick() => {
                        way.sign_of_life();
                        continue;
                    }
                };
                let Some(harvest) = harvest else { break };
                done(&harvest);
                harvests.push(harvest);
            }
        }
        if !harvests.iter().any(is_worth) {
            return Ok(Made { harvests, size: None });
        }
        harvests.sort_by(|a, b| {
            a.hostname
                .as_str()
                .len()
                .cmp(&b.hostname.as_str().len())
                .then_with(|| a.hostname.cmp(&b.hostname))
        });
        let text = report(&harvests).map_err(io::Error::other)?;
        // Refused: the writer has ended, and says why.
        let _refused = way.send(Part::Report(text)).await;
        let size = writing.await.map_err(io::Error::other)??;
        // Until then: without it, nobody wants the archive.
        drop(way);
        Ok(Made { harvests, size: Some(size) })
    }
}

fn failure(written: Result<io::Result<u64>, tokio::task::JoinError>) -> io::Error {
    match written {
        Ok(Err(error)) => error,
        Ok(Ok(_)) => io::Error::other("the archive ended before its time"),
        Err(error) => io::Error::other(error),
    }
}
