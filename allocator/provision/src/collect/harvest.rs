use lablink_core::collections::Collected;
use lablink_protocol::Hostname;

use super::{skipped::Skipped, words::files};

/// What came of one VM.
#[derive(Clone, Debug)]
pub(super) struct Harvest {
    pub hostname: Hostname,
    /// In the archive.
    pub folder: String,
    pub files: u64,
    pub bytes: u64,
    pub unread: Vec<Unread>,
    pub renamed: Vec<Renamed>,
    pub skipped: Skipped,
    pub seconds: f64,
    /// Why it could not give all that it has, if it was not for single files.
    pub failure: Option<String>,
}

/// A file that was found, and is not in the archive.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    pub path: Box<[u8]>,
    pub why: String,
}

/// A file that could not keep its name in the archive.
#[derive(Clone, Debug)]
pub(super) struct Renamed {
    pub path: Box<[u8]>,
    /// The whole path in the archive.
    pub stored: String,
}

impl Harvest {
    /// Why not everything came; none: it did.
    pub fn shortfall(&self) -> Option<String> {
        let unread = self.unread.len() as u64;
        match (&self.failure, unread) {
            (Some(why), _) => Some(why.clone()),
            (None, 0) => None,
            (None, _) => {
                let why = self.unread.first().map(|it| it.why.as_str()).unwrap_or_default();
                Some(format!("{} could not be read, the first for: {why}", files(unread)))
            }
        }
    }

    /// As the database has it.
    pub fn collected(&self) -> Collected {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Collected {
            hostname: self.hostname.clone(),
            files: count(self.files),
            bytes: count(self.bytes),
            unread: count(self.unread.len() as u64),
            skipped: count(self.skipped.count),
            skipped_what: self.skipped.told(),
            seconds: self.seconds,
            failure: self.shortfall(),
        }
    }
}
