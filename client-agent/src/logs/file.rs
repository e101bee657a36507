use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{allocator::LogBatch, state_dir::StateDir};

const STATE: &str = "logs.json";
/// A line without an end is cut there.
const LONGEST_LINE: usize = 16 * 1024;

/// How far each file has been sent. The files themselves are what is kept for an outage.
pub struct Positions<'a> {
    state: &'a StateDir,
    files: BTreeMap<PathBuf, Position>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Position {
    inode: u64,
    /// Drawn for each new content, so that no two lines ever have the same id.
    content: String,
    offset: u64,
}

impl<'a> Positions<'a> {
    /// What an earlier run noted; damaged notes count as none, and lines then come twice.
    pub fn load(state: &'a StateDir) -> Self {
        let noted = state.read(STATE).ok().flatten();
        let files = noted.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self { state, files }
    }

    /// Notes that `path` has been sent up to there.
    pub fn note(&mut self, path: &Path, position: Position) {
        self.files.insert(path.to_owned(), position);
        let saved = serde_json::to_string(&self.files)
            .map_err(anyhow::Error::from)
            .and_then(|text| self.state.write(STATE, &text));
        if let Err(problem) = saved {
            warn!("after a restart log lines may come twice: {problem:#}");
        }
    }

    /// The lines that `path` has beyond its position, up to a batch, and the position after them.
    /// A file that is not there has none; one that is new or was cut starts from its beginning.
    pub fn next(&mut self, path: &Path) -> io::Result<Option<(LogBatch, Position)>> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let meta = file.metadata()?;
        let is_same = |known: &&Position| known.inode == meta.ino() && known.offset <= meta.len();
        let mut position = match self.files.get(path).filter(is_same) {
            Some(known) => known.clone(),
            None => {
                let content = format!("{:016x}", rand::rng().random::<u64>());
                let new = Position { inode: meta.ino(), content, offset: 0 };
                // Before its first line is sent: after a crash that line has the same id again.
                self.note(path, new.clone());
                new
            }
        };
        file.seek(SeekFrom::Start(position.offset))?;
        let mut bytes = Vec::new();
        file.take(LogBatch::MOST_BYTES as u64).read_to_end(&mut bytes)?;
        let batch = position.take_lines(&bytes);
        Ok((!batch.is_empty()).then_some((batch, position)))
    }
}

impl Position {
    /// Moves past the whole lines of `bytes`.
    fn take_lines(&mut self, bytes: &[u8]) -> LogBatch {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let mut batch = LogBatch::default();
        let mut rest = bytes;
        while !batch.is_full() {
            let length = match rest.iter().take(LONGEST_LINE).position(|&byte| byte == b'\n') {
                Some(end) => end + 1,
                None if rest.len() >= LONGEST_LINE => LONGEST_LINE,
                None => break,
            };
            let (line, after) = rest.split_at(length);
            let text = String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned();
            batch.push(text, now, format!("{}-{}", self.content, self.offset));
            self.offset += length as u64;
            rest = after;
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;

    #[test]
    fn whole_lines_are_taken_once_even_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path().join("state")).unwrap();
        let path = folder.path().join("start.log");
        let mut positions = Positions::load(&state);
        assert!(positions.next(&path).unwrap().is_none(), "no file yet");

        let mut file = File::create(&path).unwrap();
        write!(file, "one\ntwo\nhal").unwrap();
        let (batch, position) = positions.next(&path).unwrap().unwrap();
        assert_eq!(batch.messages, ["one", "two"]);
        let again = Positions::load(&state).next(&path).unwrap().unwrap().0;
        assert_eq!(batch.event_ids, again.event_ids, "not noted yet, sent again by the next run");
        positions.note(&path, position);

        writeln!(file, "f").unwrap();
        let mut positions = Positions::load(&state);
        let (batch, position) = positions.next(&path).unwrap().unwrap();
        assert_eq!(batch.messages, ["half"]);
        positions.note(&path, position);
        assert!(positions.next(&path).unwrap().is_none());
    }

    #[test]
    fn a_file_that_was_cut_starts_anew_with_other_ids() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "first\nsecond\n").unwrap();
        let state = StateDir::open(folder.path().join("state")).unwrap();
        let mut positions = Positions::load(&state);
        let (before, position) = positions.next(&path).unwrap().unwrap();
        positions.note(&path, position);
        fs::write(&path, "first\n").unwrap();
        let (after, _) = positions.next(&path).unwrap().unwrap();
        assert_eq!(after.messages, ["first"]);
        assert_ne!(before.event_ids[0], after.event_ids[0]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "x".repeat(LONGEST_LINE + 7)).unwrap();
        let state = StateDir::open(folder.path().join("state")).unwrap();
        let (batch, _) = Positions::load(&state).next(&path).unwrap().unwrap();
        assert_eq!(batch.messages.len(), 1);
        assert_eq!(batch.messages[0].len(), LONGEST_LINE);
    }
}
