use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tracing::Level;

/// Entries of each kind that are kept, warnings and errors or others; older ones are in the process's
/// standard error only.
const KEPT: usize = 1_000;
/// Longest text of an entry, in bytes, before it is cut.
const LONGEST: usize = 4 * 1024;

/// The last lines of this process's own log. Cheap to clone: all clones are one log. Lives in
/// memory, so that it can be read when the database is what is wrong.
#[derive(Clone, Default)]
pub struct OwnLog(Arc<Mutex<Kept>>);

/// Apart, so that a flood of refused requests pushes no warning out.
#[derive(Default)]
struct Kept {
    /// Of the next entry.
    number: u64,
    serious: VecDeque<(u64, OwnLogEntry)>,
    others: VecDeque<(u64, OwnLogEntry)>,
}

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
        let mut kept = self.kept();
        let number = kept.number;
        kept.number += 1;
        // Of tracing's levels, the serious ones are the small ones.
        let entries = if entry.level <= Level::WARN { &mut kept.serious } else { &mut kept.others };
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back((number, entry));
    }

    /// The last `limit` entries that are as serious as `level` or more so, of all requests or one;
    /// oldest first.
    pub fn last(&self, level: Level, request: Option<&str>, limit: usize) -> Vec<OwnLogEntry> {
        let kept = self.kept();
        let wanted = |(_, entry): &&(u64, OwnLogEntry)| {
            entry.level <= level && (request.is_none() || entry.request.as_deref() == request)
        };
        let newest = |entries| VecDeque::iter(entries).rev().filter(wanted).take(limit);
        let mut last: Vec<_> = newest(&kept.serious).chain(newest(&kept.others)).collect();
        last.sort_unstable_by_key(|(number, _)| *number);
        last.iter().skip(last.len().saturating_sub(limit)).map(|(_, entry)| entry.clone()).collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
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
    fn a_flood_of_refusals_pushes_no_warning_out() {
        let log = OwnLog::default();
        log.push(entry(Level::WARN, None, "look at this"));
        for _ in 0..10 * KEPT {
            log.push(entry(Level::INFO, None, "refused"));
        }
        assert_eq!(texts(&log.last(Level::WARN, None, 9)), ["look at this"]);
        log.push(entry(Level::WARN, None, "and this"));
        log.push(entry(Level::INFO, None, "refused"));
        assert_eq!(texts(&log.last(Level::INFO, None, 2)), ["and this", "refused"]);
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
