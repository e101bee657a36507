use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tracing::Level;

/// Entries that are kept; older ones are in the process's standard error only.
const KEPT: usize = 2_000;
/// Longest text of an entry, in bytes, before it is cut.
const LONGEST: usize = 4 * 1024;

/// The last lines of this process's own log. Cheap to clone: all clones are one log. Lives in
/// memory, so that it can be read when the database is what is wrong.
#[derive(Clone, Default)]
pub struct OwnLog(Arc<Mutex<VecDeque<OwnLogEntry>>>);

#[derive(Clone, Debug)]
pub struct OwnLogEntry {
    pub at: Timestamp,
    pub level: Level,
    /// Id of the request during which it was written.
    pub request: Option<String>,
    pub text: String,
}

impl OwnLog {
    pub fn push(&self, mut entry: OwnLogEntry) {
        if entry.text.len() > LONGEST {
            entry.text.truncate(entry.text.floor_char_boundary(LONGEST));
            entry.text.push_str(" … [cut]");
        }
        let mut entries = self.entries();
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// The last `limit` entries that are as serious as `level` or more so, of all requests or one;
    /// oldest first.
    pub fn last(&self, level: Level, request: Option<&str>, limit: usize) -> Vec<OwnLogEntry> {
        let entries = self.entries();
        // Of tracing's levels, the serious ones are the small ones.
        let wanted = |entry: &&OwnLogEntry| {
            entry.level <= level && (request.is_none() || entry.request.as_deref() == request)
        };
        let mut last: Vec<_> = entries.iter().rev().filter(wanted).take(limit).cloned().collect();
        last.reverse();
        last
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<OwnLogEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(level: Level, request: Option<&str>, text: &str) -> OwnLogEntry {
        let (at, request) = (Timestamp::UNIX_EPOCH, request.map(str::to_owned));
        OwnLogEntry { at, level, request, text: text.to_owned() }
    }

    fn texts(entries: &[OwnLogEntry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.text.as_str()).collect()
    }

    #[test]
    fn entries_are_found_by_level_and_by_request() {
        let log = OwnLog::default();
        log.push(entry(Level::INFO, None, "start"));
        log.push(entry(Level::ERROR, Some("a"), "broken"));
        log.push(entry(Level::WARN, Some("b"), "slow"));
        log.push(entry(Level::DEBUG, Some("a"), "answered"));
        assert_eq!(texts(&log.last(Level::INFO, None, 9)), ["start", "broken", "slow"]);
        assert_eq!(texts(&log.last(Level::WARN, None, 1)), ["slow"]);
        assert_eq!(texts(&log.last(Level::TRACE, Some("a"), 9)), ["broken", "answered"]);
        assert!(log.last(Level::ERROR, Some("b"), 9).is_empty());
    }

    #[test]
    fn only_the_last_entries_are_kept_and_long_ones_are_cut() {
        let log = OwnLog::default();
        for nr in 0..KEPT + 10 {
            log.push(entry(Level::INFO, None, &nr.to_string()));
        }
        let all = log.last(Level::INFO, None, usize::MAX);
        assert_eq!((all.len(), &*all[0].text), (KEPT, "10"));
        log.push(entry(Level::INFO, None, &"ä".repeat(LONGEST)));
        let text = &log.last(Level::INFO, None, 1)[0].text;
        assert!(text.len() < LONGEST + 20 && text.ends_with("ä … [cut]"));
    }
}
