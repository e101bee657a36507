use std::sync::Arc;

use arc_swap::ArcSwap;

/// Sentences that organisers read on each of their pages until they act on them.
#[derive(Debug, Default)]
pub struct StandingNotices {
    /// Of how this process was started.
    of_start: Vec<String>,
    /// Of the configuration's last reading.
    of_reading: ArcSwap<Vec<String>>,
}

impl StandingNotices {
    pub fn new(of_start: Vec<String>) -> Self {
        Self { of_start, of_reading: ArcSwap::default() }
    }

    /// What the last reading of the configuration has to tell; it replaces what the one before had.
    pub fn tell_of_reading(&self, sentences: Vec<String>) {
        self.of_reading.store(Arc::new(sentences));
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = String> {
        let of_reading = self.of_reading.load_full();
        self.of_start.clone().into_iter().chain(Vec::clone(&of_reading))
    }
}
