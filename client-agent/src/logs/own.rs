use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use rand::RngExt as _;
use tracing_subscriber::fmt::MakeWriter;

use crate::allocator::LogBatch;

/// An outage may last; memory does not grow with it.
const KEPT_LINES: usize = 2000;
const KEPT_BYTES: usize = 512 * 1024;
const LONGEST_LINE: usize = 8 * 1024;

/// The agent's own log lines, kept until they are sent. The oldest go first when there are too
/// many; how many went is told in their place.
#[derive(Clone)]
pub struct OwnLines(Arc<Mutex<Kept>>);

struct Kept {
    /// Makes ids of this process's lines differ from those of the next one.
    run: String,
    lines: VecDeque<Line>,
    bytes: usize,
    next: u64,
    lost: u64,
}

struct Line {
    number: u64,
    at: i64,
    text: String,
}

impl OwnLines {
    pub fn new() -> Self {
        let run = format!("{:016x}", rand::rng().random::<u64>());
        let lines = VecDeque::new();
        Self(Arc::new(Mutex::new(Kept { run, lines, bytes: 0, next: 0, lost: 0 })))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The oldest lines, up to a batch, and the number of the last; they stay kept.
    pub fn batch(&self) -> Option<(LogBatch, u64)> {
        let mut kept = self.kept();
        if let Some(lost) = Some(std::mem::take(&mut kept.lost)).filter(|lost| *lost > 0) {
            let (number, at) = kept.lines.front().map(|line| (line.number, line.at))?;
            let text = format!("({lost} lines were dropped: the allocator was out of reach)");
            kept.bytes += text.len();
            // Takes the number of the last line that was dropped.
            kept.lines.push_front(Line { number: number.saturating_sub(1), at, text });
        }
        let mut batch = LogBatch::default();
        let mut last = None;
        for line in &kept.lines {
            if batch.is_full() {
                break;
            }
            batch.push(line.text.clone(), line.at, format!("{}-{}", kept.run, line.number));
            last = Some(line.number);
        }
        last.map(|last| (batch, last))
    }

    /// Forgets the lines up to the one of this number.
    pub fn forget(&self, last: u64) {
        let mut kept = self.kept();
        while let Some(line) = kept.lines.pop_front_if(|line| line.number <= last) {
            kept.bytes -= line.text.len();
        }
    }
}

impl Kept {
    fn push(&mut self, text: &str) {
        let text: String = text.trim_end().chars().take(LONGEST_LINE).collect();
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
        self.bytes += text.len();
        self.lines.push_back(Line { number: self.next, at, text });
        self.next += 1;
        while self.lines.len() > KEPT_LINES || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.text.len();
            self.lost += 1;
        }
    }
}

impl<'a> MakeWriter<'a> for OwnLines {
    type Writer = &'a OwnLines;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Each write is one line: tracing writes an event at once.
impl io::Write for &OwnLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.kept().push(&String::from_utf8_lossy(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &OwnLines, range: std::ops::Range<u32>) {
        for number in range {
            lines.kept().push(&format!("line {number}\n"));
        }
    }

    #[test]
    fn lines_stay_until_they_are_forgotten_and_keep_their_ids() {
        let lines = OwnLines::new();
        assert!(lines.batch().is_none());
        log(&lines, 0..3);
        let (first, last) = lines.batch().unwrap();
        let (again, _) = lines.batch().unwrap();
        assert_eq!(first.messages, ["line 0", "line 1", "line 2"]);
        assert_eq!(first.event_ids, again.event_ids);
        log(&lines, 3..4);
        lines.forget(last);
        assert_eq!(lines.batch().unwrap().0.messages, ["line 3"]);
    }

    #[test]
    fn an_outage_costs_the_oldest_lines_and_that_is_told() {
        let lines = OwnLines::new();
        log(&lines, 0..2500);
        let (batch, last) = lines.batch().unwrap();
        assert!(batch.messages[0].starts_with("(500 lines were dropped"), "{}", batch.messages[0]);
        assert_eq!(batch.messages[1], "line 500");
        assert!(lines.kept().lines.len() <= KEPT_LINES + 1);
        lines.forget(last);
        let (batch, _) = lines.batch().unwrap();
        assert!(batch.messages[0].starts_with("line "), "told once: {}", batch.messages[0]);
    }
}
