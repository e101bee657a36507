use std::{num::NonZero, time::Duration};

use crate::{section::Section, syntax::count};

/// `history`: how much is kept of what happened.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// Days after which events are dropped; default 365. None (0 in the file): never.
    pub keep_days: Option<NonZero<u32>>,
    /// Events to keep for each VM, the newest; default 5,000. None (0 in the file): all.
    pub keep_events_per_vm: Option<NonZero<u32>>,
}

impl History {
    pub(crate) fn read(history: &mut Section<'_>) -> Self {
        Self {
            keep_days: NonZero::new(history.value("keep_days", count).unwrap_or(365)),
            keep_events_per_vm: NonZero::new(
                history.value("keep_events_per_vm", count).unwrap_or(5_000),
            ),
        }
    }

    pub fn age(&self) -> Option<Duration> {
        self.keep_days.map(|days| Duration::from_hours(24 * u64::from(days.get())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn history_is_kept_for_a_year_unless_the_file_says_otherwise() {
        let kept = |yaml| {
            let history = Config::parse(yaml).unwrap().history;
            (history.age(), history.keep_events_per_vm)
        };
        let year = Some(Duration::from_hours(24 * 365));
        assert_eq!(kept(""), (year, NonZero::new(5_000)));
        assert_eq!(kept("history: {keep_days: 0, keep_events_per_vm: 0}"), (None, None));
    }
}
