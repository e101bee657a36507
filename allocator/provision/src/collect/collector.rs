use std::{future::Future, io, path::PathBuf, pin::Pin, sync::Arc};

use jiff::Zoned;
use lablink_core::{
    DbError, Scope,
    collections::{Archive, CollectError, Collector, Retention, Wish},
    operations::OperationId,
    pools::Extension,
};
use tokio::sync::{Notify, mpsc};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    Limits,
    archive::Flowing,
    chunks::Chunks,
    content::Spool,
    gather::{Gatherer, Visit},
    harvest::Harvest,
    make::{Made, Making},
    room::Room,
    shelf::Shelf,
    vm_progress::VmProgress,
};
use crate::ssh::Machines;

/// What a collector works with.
pub struct CollectorParts {
    pub scope: Scope,
    pub machines: Machines,
    pub limits: Limits,
    /// Where archives are kept, and what is too large for memory on its way into one.
    pub directory: PathBuf,
    pub retention: Retention,
    /// This allocator's name: tells people where an archive lies.
    pub owner: String,
}

/// Fetches VMs' results into zip archives.
pub struct ZipCollector {
    pub(super) machines: Machines,
    pub(super) gatherer: Gatherer,
    pub(super) room: Room,
    pub(super) shelf: Shelf,
}

/// Chunks of an archive that somebody reads while it is made.
const CHUNKS: usize = 4;

impl ZipCollector {
    /// Removes what a killed allocator has left unfinished in the directory, which must be there.
    pub fn new(parts: CollectorParts) -> io::Result<Self> {
        let CollectorParts { scope, machines, limits, directory, retention, owner } = parts;
        let room = Room::new(directory.clone(), limits.reserve);
        let spool = Spool::new(room.clone());
        let shelf = Shelf::open(directory, owner, retention)?;
        Ok(Self { machines, gatherer: Gatherer { scope, limits, spool }, room, shelf })
    }

    /// Removes old archives, and says how many.
    pub async fn tidy_shelf(&self) -> Result<u64, DbError> {
        self.shelf.tidy(&self.gatherer.scope).await
    }

    async fn stream(&self, wish: &Wish) -> Result<Archive, CollectError> {
        let machines = self.machines.find(wish.hostnames.as_deref()).await?;
        if machines.is_empty() {
            return Err(CollectError::NoVms);
        }
        let begun = Arc::new(Notify::new());
        let visit =
            |machine| Visit { machine, progress: Arc::new(VmProgress::new(Arc::clone(&begun))) };
        let visits: Vec<Visit> = machines.into_iter().map(visit).collect();
        let (sender, chunks) = mpsc::channel(CHUNKS);
        let (gatherer, extension) = (self.gatherer.clone(), wish.extension.clone());
        let work = stream_into(sender, gatherer, visits, extension);
        let mut work = AbortOnDropHandle::new(tokio::spawn(work));
        tokio::select! {
            // What is known first counts: with one file begun, there is an archive.
            biased;
            () = begun.notified() => {}
            ended = &mut work => {
                let harvests = ended.map_err(io::Error::other)??;
                return Err(nothing(&harvests, wish.extension.clone()));
            }
        }
        // From here on, it ends when nobody reads it any more.
        work.detach();
        Ok(Archive { name: archive_name(), chunks })
    }
}

/// Makes an archive for its reader, until nobody reads it. Says what came of the VMs if there
/// was no file at all.
async fn stream_into(
    sender: mpsc::Sender<io::Result<Vec<u8>>>,
    gatherer: Gatherer,
    visits: Vec<Visit>,
    extension: Extension,
) -> io::Result<Vec<Harvest>> {
    let listed = gatherer.list(&visits, &extension);
    let making = Making {
        gatherer: &gatherer,
        medium: Flowing::new(Chunks::new(sender.clone())),
        vms: visits.len(),
        stop: CancellationToken::new(),
        is_worth: |harvest| harvest.files > 0,
    };
    let made = tokio::select! {
        made = making.run(listed, |_| {}) => made,
        () = sender.closed() => return Ok(Vec::new()),
    };
    match made {
        Ok(Made { harvests, size: Some(_) }) => Ok(harvests),
        Ok(Made { harvests, size: None }) => {
            // If the reader has been promised one, it hears that there is none.
            let _gone = sender.try_send(Err(io::Error::other("no file could be read as a whole")));
            Ok(harvests)
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "an archive was cut off");
            let told = io::Error::new(error.kind(), error.to_string());
            let _gone = sender.send(Err(told)).await;
            Err(error)
        }
    }
}

fn nothing(harvests: &[Harvest], extension: Extension) -> CollectError {
    let failed = harvests
        .iter()
        .filter_map(|harvest| Some(format!("{}: {}.", harvest.hostname, harvest.shortfall()?)));
    let skipped = harvests
        .iter()
        .filter_map(|harvest| Some(format!("{}: {}.", harvest.hostname, harvest.skipped.told()?)));
    let (failed, skipped): (Vec<String>, Vec<String>) = (failed.collect(), skipped.collect());
    match (failed.is_empty(), skipped.is_empty()) {
        (false, _) => CollectError::OutOfReach(failed.join(" ")),
        (true, false) => CollectError::OnlySkipped(extension, skipped.join(" ")),
        (true, true) => CollectError::NoFiles(extension),
    }
}

/// As the original names it (HTTP contract §5), in local time.
pub(super) fn archive_name() -> String {
    format!("lablink_data{}.zip", Zoned::now().strftime("%Y%m%d_%H%M%S"))
}

impl Collector for ZipCollector {
    fn collect<'a>(
        &'a self,
        wish: &'a Wish,
    ) -> Pin<Box<dyn Future<Output = Result<Archive, CollectError>> + Send + 'a>> {
        Box::pin(self.stream(wish))
    }

    fn kept(&self, operation: OperationId) -> Option<PathBuf> {
        self.shelf.find(operation)
    }

    fn discard(&self, operation: OperationId) -> io::Result<()> {
        self.shelf.discard(operation)
    }
}
