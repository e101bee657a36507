use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::{EmbeddedPostgresError, Result};

/// Beyond this size a start sets the log aside (as `postgres.log.1`) and begins a new one.
const MAX_BYTES: u64 = 10 * 1024 * 1024;

const TAIL_BYTES: u64 = 4096;
const TAIL_LINES: usize = 12;

/// Opens the server's log to append to it. Failed statements are quoted there: only the owner
/// may read it.
pub(super) fn open(log: &Path) -> Result<File> {
    let failed = || EmbeddedPostgresError::io(format!("open {}", log.display()));
    if fs::metadata(log).is_ok_and(|meta| meta.len() > MAX_BYTES) {
        fs::rename(log, log.with_extension("log.1")).map_err(failed())?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(log).map_err(failed())
}

/// The log's last lines, for an error message.
pub(super) fn tail(log: &Path) -> String {
    let read = || {
        let mut file = File::open(log)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        std::io::Result::Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_log_is_set_aside() {
        let temp = tempfile::tempdir().unwrap();
        let log = temp.path().join("postgres.log");
        open(&log).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(open(&log).unwrap().metadata().unwrap().len(), 0);
        assert!(temp.path().join("postgres.log.1").exists());
    }

    #[test]
    fn the_tail_is_the_last_lines() {
        let temp = tempfile::tempdir().unwrap();
        let log = temp.path().join("postgres.log");
        assert_eq!(tail(&log), "");
        let lines: Vec<String> = (1..=20).map(|n| format!("line {n}")).collect();
        fs::write(&log, lines.join("\n")).unwrap();
        assert_eq!(tail(&log), lines[8..].join("\n"));
    }
}
