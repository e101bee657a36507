use std::time::Duration;

use tokio::sync::watch;

use super::Client;

/// How far the run has come: everybody looks at it before the next thing they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Busy,
    /// Nobody asks for anything new. Those who wait go on looking.
    Calm,
    Over,
}

/// What everybody who uses it has at hand.
#[derive(Clone)]
pub struct ChaosLab {
    pub client: Client,
    pub phase: watch::Receiver<Phase>,
    /// How many VMs the organisers keep.
    pub vms: usize,
}

impl ChaosLab {
    pub fn is(&self, phase: Phase) -> bool {
        *self.phase.borrow() == phase
    }

    /// Waits, unless the phase changes first.
    pub async fn pause(&mut self, for_as_long_as: Duration) {
        let changed = tokio::time::timeout(for_as_long_as, self.phase.changed());
        let _either = changed.await;
    }
}
