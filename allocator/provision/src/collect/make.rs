use std::io::{self, Write};

use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::{
    archive::{self, Part},
    gather::{Gatherer, Listed},
    harvest::Harvest,
    report::report,
};

/// What has been made of VMs' files.
pub(super) struct Made {
    /// In the order in which they were done with.
    pub harvests: Vec<Harvest>,
    /// The size of the archive in bytes. None: there was nothing to put into it.
    pub size: Option<u64>,
}

/// Files on their way to the archive, beside those that their VMs hold still.
const ON_THE_WAY: usize = 8;

/// Fetches what was listed into one archive, and tells of each VM when it is done with. Dropping
/// it ends all of it, and leaves a torso, as it does where no VM gave what is worth one.
pub(super) async fn make(
    gatherer: &Gatherer,
    listed: impl Stream<Item = Listed>,
    out: impl Write + Send + 'static,
    is_worth: fn(&Harvest) -> bool,
    mut done: impl FnMut(&Harvest),
) -> io::Result<Made> {
    let (parts, to_write) = mpsc::channel(ON_THE_WAY);
    let mut writing = tokio::task::spawn_blocking(move || archive::write(to_write, out));
    let mut harvests = Vec::new();
    {
        let fetching = gatherer.fetch(listed, &parts);
        tokio::pin!(fetching);
        loop {
            let harvest = tokio::select! {
                harvest = fetching.next() => harvest,
                // Only ever because it can't write.
                written = &mut writing => return Err(failure(written)),
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
    let _refused = parts.send(Part::Report(text)).await;
    drop(parts);
    let size = writing.await.map_err(io::Error::other)??;
    Ok(Made { harvests, size: Some(size) })
}

fn failure(written: Result<io::Result<u64>, tokio::task::JoinError>) -> io::Error {
    match written {
        Ok(Err(error)) => error,
        Ok(Ok(_)) => io::Error::other("the archive ended before its time"),
        Err(error) => io::Error::other(error),
    }
}
