use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use tokio::{io::AsyncRead, sync::mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    archive::{Head, Number, Order, Part, Step},
    coming::{ComingError, PIECE, piece},
    room::Share,
};

/// The way of VMs' files into one archive.
pub(super) struct Way {
    parts: mpsc::Sender<Part>,
    order: Order,
    /// VMs that are not done with.
    vms: AtomicUsize,
    /// The number of the next file.
    number: AtomicU64,
    /// Ends the fetching: what came until then is kept.
    pub stop: CancellationToken,
}

impl Way {
    pub fn new(
        parts: mpsc::Sender<Part>,
        order: Order,
        vms: usize,
        stop: CancellationToken,
    ) -> Self {
        Self { parts, order, vms: AtomicUsize::new(vms), number: AtomicU64::new(0), stop }
    }

    /// Whether a large file may go straight into the archive. If somebody reads that while it is
    /// made, a slow VM would hold up the files of all others.
    pub fn is_free(&self) -> bool {
        match self.order {
            Order::SideBySide => true,
            Order::InTurn => self.vms.load(Relaxed) <= 1,
        }
    }

    /// A VM is done with.
    pub fn one_less(&self) {
        self.vms.fetch_sub(1, Relaxed);
    }

    pub async fn send(&self, part: Part) -> Result<(), ComingError> {
        self.parts.send(part).await.map_err(|_closed| ComingError::NoArchive)
    }

    /// For a reader that waits for the archive. If there is no room for it, something else flows.
    pub fn sign_of_life(&self) {
        let _full = self.parts.try_send(Part::SignOfLife);
    }

    /// Passes a file on as it comes, and counts its bytes. It has to be kept or left then.
    pub async fn pass(
        &self,
        head: Head,
        from: &mut (impl AsyncRead + Unpin),
        share: Option<Share>,
        counter: &AtomicU64,
    ) -> Result<Number, ComingError> {
        let number = Number(self.number.fetch_add(1, Relaxed));
        let steps = head.steps().map_err(ComingError::Disk)?;
        self.send(Part::Begin(number, head)).await?;
        let mut passage = Passage { way: self, number, share };
        match passage.go(steps, from, counter).await {
            Ok(()) => Ok(number),
            Err(error) => {
                self.send(Part::Leave(number)).await?;
                Err(error)
            }
        }
    }
}

/// A file on its way.
struct Passage<'a> {
    way: &'a Way,
    number: Number,
    /// Its share of the archive's disk, if that is one of ours.
    share: Option<Share>,
}

impl Passage<'_> {
    async fn go(
        &mut self,
        steps: Vec<Step>,
        from: &mut (impl AsyncRead + Unpin),
        counter: &AtomicU64,
    ) -> Result<(), ComingError> {
        for step in steps {
            match step {
                Step::Added(bytes) => self.put(bytes).await?,
                Step::Held(mut left) => {
                    while left > 0 {
                        let bytes = piece(from, left, counter).await?;
                        left -= bytes.len() as u64;
                        self.put(bytes).await?;
                    }
                }
                Step::Zeros(mut left) => {
                    while left > 0 {
                        let size = left.min(PIECE);
                        left -= size;
                        self.put(vec![0; usize::try_from(size).unwrap_or_default()]).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn put(&mut self, bytes: Vec<u8>) -> Result<(), ComingError> {
        if let Some(share) = &mut self.share {
            share.spend(bytes.len() as u64)?;
        }
        self.way.send(Part::Piece(self.number, bytes)).await
    }
}
