use serde::Serialize;

use crate::{clock::At, facts::Facts, history::History, world::Machines};

/// Everything that is known of a run.
#[derive(Default, Serialize)]
pub struct Evidence {
    pub history: History,
    pub facts: Facts,
    pub machines: Machines,
    /// Lines of logs that tell of a panic.
    pub panics: Vec<String>,
    /// When the run began.
    pub began: At,
}

impl Evidence {
    /// A moment, in seconds since the beginning.
    pub(super) fn t(&self, at: At) -> String {
        let since = at - self.began;
        format!("t+{}.{:03}", since / 1000, since.rem_euclid(1000))
    }
}
