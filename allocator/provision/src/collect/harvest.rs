use lablink_core::amount::counted;
use lablink_core::collections::Collected;
use lablink_protocol::Hostname;

use super::{archive::Form, skipped::Skipped};

/// What came of one VM.
#[derive(Clone, Debug)]
pub(super) struct Harvest {
    pub hostname: Hostname,
    /// In the archive.
    pub folder: String,
    pub files: u64,
    pub bytes: u64,
    pub missing: Missing,
    pub renamed: Vec<Renamed>,
    pub skipped: Skipped,
    pub seconds: f64,
    /// Why it could not give all that it has, if it was not for single files.
    pub failure: Option<String>,
}

/// Files that were found, and are not in the archive.
#[derive(Clone, Debug, Default)]
pub(super) struct Missing {
    /// The first ones, each with its reason.
    pub items: Vec<(Box<[u8]>, String)>,
    /// With those that are not among them.
    pub count: u64,
}

/// A VM that means harm may have many.
const MOST_ITEMS: usize = 10_000;

impl Missing {
    /// With its path from the place, and why.
    pub fn add(&mut self, path: Box<[u8]>, why: String) {
        self.count += 1;
        if self.items.len() < MOST_ITEMS {
            self.items.push((path, why));
        }
    }
}

/// A file that could not keep its name in the archive.
#[derive(Clone, Debug)]
pub(super) struct Renamed {
    pub path: Box<[u8]>,
    /// The whole path in the archive.
    pub stored: String,
    pub form: Form,
}

impl Harvest {
    /// Why not everything came; none: it did.
    pub fn shortfall(&self) -> Option<String> {
        let unread = self.missing.count;
        match (&self.failure, unread) {
            (Some(why), _) => Some(why.clone()),
            (None, 0) => None,
            (None, _) => {
                let why = self.missing.items.first().map(|it| it.1.as_str()).unwrap_or_default();
                Some(format!("{} could not be read, the first for: {why}", counted(unread, "file")))
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
            unread: count(self.missing.count),
            skipped: count(self.skipped.count),
            skipped_what: self.skipped.told(),
            seconds: self.seconds,
            failure: self.shortfall(),
        }
    }
}
