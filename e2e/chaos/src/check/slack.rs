//! How much later than promised something may be: where processors are scarce, all of it is late.

use crate::{clock::At, history::History};

/// Beside the lack of processors: what the looks themselves are inexact by.
pub const INEXACT: At = 1000;

impl History {
    /// For how much of this time processes waited for a processor.
    pub fn waited(&self, from: At, to: At) -> At {
        let at = |moment: At| {
            let later = self.pressure.iter().find(|it| it.at >= moment).or(self.pressure.last());
            later.map_or(0, |it| it.waited)
        };
        (at(to) - at(from)).clamp(0, (to - from).max(0))
    }
}
