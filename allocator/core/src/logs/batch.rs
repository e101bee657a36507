use jiff::Timestamp;

use super::text;

/// One message of a sender: a line, or several with line feeds between them.
#[derive(Clone, Debug, Default)]
pub struct LogMessage {
    pub text: String,
    /// When it was written; none: now.
    pub at: Option<Timestamp>,
    /// The sender's id of the message, unique among those of its VM. A repeated message with the same
    /// id is not stored again. The column is `event_id`, though this has nothing to do with the table
    /// `event`: it can't be renamed while an older program runs beside this one.
    pub sender_id: Option<String>,
}

/// The bytes that a row and its index entry take in addition to the text, so that a flood of empty
/// lines counts.
const ROW: i64 = 96;
/// The same for a line with an id, in addition to the two copies of the id.
const ID: i64 = 32;
/// The size of a stored line, in SQL: the same as [`size`].
pub(super) const SIZE: &str = "octet_length(line)
    + case when event_id is null then 96 else 128 + 2 * octet_length(event_id) end";

/// The most lines of a batch that are stored. Later ones are dropped. Small messages, and line
/// feeds within one, make many lines of few bytes.
const MOST_LINES: usize = 20_000;

/// New lines, as columns.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    pub(super) lines: Vec<String>,
    pub(super) ats: Vec<Option<Timestamp>>,
    pub(super) sender_ids: Vec<Option<&'a str>>,
    pub(super) message_rows: Vec<i32>,
    /// The size of each, which counts for its VM's log.
    pub(super) sizes: Vec<i64>,
    pub(super) dropped: i64,
}

impl<'a> Batch<'a> {
    /// The lines of these messages.
    pub fn of(messages: &'a [LogMessage]) -> Self {
        let mut batch = Self::default();
        for message in messages {
            batch.take(message);
        }
        batch
    }

    fn take(&mut self, message: &'a LogMessage) {
        let lines = text::lines(&message.text);
        let sender_id = message.sender_id.as_deref();
        for (row, line) in (0..).zip(lines) {
            if self.lines.len() == MOST_LINES {
                self.dropped += 1;
                continue;
            }
            let line = text::safe(line);
            self.sizes.push(size(&line, sender_id));
            self.lines.push(line);
            self.ats.push(message.at);
            self.sender_ids.push(sender_id);
            self.message_rows.push(row);
        }
    }

    pub fn lines(&self) -> u64 {
        self.lines.len() as u64
    }

    /// The size of its lines, which counts for a VM's log.
    pub fn bytes(&self) -> u64 {
        self.sizes.iter().sum::<i64>().unsigned_abs()
    }

    /// How many of its lines are not to be stored.
    pub fn dropped(&self) -> u64 {
        self.dropped.unsigned_abs()
    }

    /// Drops its last lines, until at most this many lines with this many bytes are left.
    pub fn keep(&mut self, lines: u64, bytes: u64) {
        let mut room = i64::try_from(bytes).unwrap_or(i64::MAX);
        let fits = |size: &&i64| {
            room -= **size;
            room >= 0
        };
        let fitting = self.sizes.iter().take_while(fits).count();
        let kept = fitting.min(usize::try_from(lines).unwrap_or(usize::MAX));
        self.dropped += count(self.lines.len() - kept.min(self.lines.len()));
        self.lines.truncate(kept);
        self.ats.truncate(kept);
        self.sender_ids.truncate(kept);
        self.message_rows.truncate(kept);
        self.sizes.truncate(kept);
    }
}

pub(super) fn count(lines: usize) -> i64 {
    i64::try_from(lines).unwrap_or(i64::MAX)
}

/// The size of a line, with the id of its message, which each line of a message has.
fn size(line: &str, sender_id: Option<&str>) -> i64 {
    count(line.len()) + ROW + sender_id.map_or(0, |id| ID + 2 * count(id.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str, sender_id: Option<&str>) -> LogMessage {
        LogMessage { text: text.to_owned(), at: None, sender_id: sender_id.map(str::to_owned) }
    }

    #[test]
    fn a_million_line_feeds_are_no_million_rows() {
        let messages = [message(&"\n".repeat(1_000_000).replace("\n", "x\n"), None)];
        let batch = Batch::of(&messages);
        assert_eq!((batch.lines(), batch.dropped()), (20_000, 980_000));
        let messages = vec![message("", None); 30_000];
        assert_eq!(Batch::of(&messages).dropped(), 10_000);
    }

    #[test]
    fn ids_count_with_each_line_that_has_them() {
        let id = "e".repeat(200);
        let messages = [message("a\nb\nc", Some(&id))];
        assert_eq!(Batch::of(&messages).bytes(), 3 * (1 + 96 + 32 + 400));
        assert_eq!(Batch::of(&[message("a", None)]).bytes(), 97);
    }

    #[test]
    fn what_is_over_a_budget_goes_from_the_end() {
        let messages = [message("a\nb\nc\nd", None)];
        let kept = |lines, bytes| {
            let mut batch = Batch::of(&messages);
            batch.keep(lines, bytes);
            (batch.lines.concat(), batch.dropped())
        };
        assert_eq!(kept(9, 999), ("abcd".to_owned(), 0));
        assert_eq!(kept(2, 999), ("ab".to_owned(), 2));
        assert_eq!(kept(9, 97 * 3), ("abc".to_owned(), 1));
        assert_eq!(kept(9, 97 * 3 - 1), ("ab".to_owned(), 2));
        assert_eq!(kept(0, 0), (String::new(), 4));
    }
}
