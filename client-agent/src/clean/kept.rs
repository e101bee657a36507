use std::{
    ffi::OsStr,
    fs::{self, DirBuilder},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use lablink_protocol::KeptCollected;
use tracing::{info, warn};

use super::failure::{Doing as _, Failure};
use crate::desktop::Account;

/// A folder that only root can read, with what the participant of a claim left. It is on the file
/// system on which that was.
pub struct Kept {
    path: PathBuf,
    pub claim_id: i64,
}

/// Where programs leave files outside of homes.
pub const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
const PREFIX: &str = "lablink-kept-";

impl Kept {
    /// A new one. Its name can't be guessed, so nobody has put one there before.
    pub fn make(area: &Path, claim_id: i64) -> Result<PathBuf, Failure> {
        let path = area.join(format!("{PREFIX}{claim_id}-{:08x}", rand::random::<u32>()));
        DirBuilder::new().mode(0o700).create(&path).doing("can't make the folder", &path)?;
        Ok(path)
    }

    pub fn is_name(name: &OsStr) -> bool {
        Self::claim_of(name).is_some()
    }

    fn claim_of(name: &OsStr) -> Option<i64> {
        name.to_str()?.strip_prefix(PREFIX)?.split_once('-')?.0.parse().ok()
    }

    /// Those that are older than `age`.
    pub fn older_than(age: Duration, account: &Account) -> Vec<Self> {
        let beside_home = account.home.parent().into_iter();
        let areas = TEMPORARY.map(Path::new).into_iter().chain(beside_home);
        let entries = areas.flat_map(fs::read_dir).flatten().flatten();
        entries
            .filter_map(|entry| {
                let claim_id = Self::claim_of(&entry.file_name())?;
                let meta = entry.metadata().ok()?;
                let is_ours = meta.is_dir() && meta.uid() == 0 && meta.mode() & 0o077 == 0;
                let since = SystemTime::now().duration_since(meta.modified().ok()?).ok()?;
                (is_ours && since >= age).then(|| Self { path: entry.path(), claim_id })
            })
            .collect()
    }

    /// Whether its results are in an archive. Files outside of the home count as
    /// collected if the collector could read them. Temporary files are no results, and go as well.
    pub fn may_go(&self, collected: &KeptCollected) -> bool {
        let is_temporary = TEMPORARY.iter().any(|area| self.path.starts_with(area));
        self.claim_id <= collected.claim_id
            && (is_temporary || self.path.starts_with(&collected.directory))
    }

    pub fn delete(self) {
        match fs::remove_dir_all(&self.path) {
            Ok(()) => info!("deleted {}, which was collected", self.path.display()),
            Err(problem) => warn!("can't delete {}: {problem}", self.path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_collected_goes_and_nothing_else() {
        let collected = KeptCollected { claim_id: 7, directory: "/home/lablink".to_owned() };
        let kept = |path: &str, claim_id| Kept { path: path.into(), claim_id };
        assert!(kept("/home/lablink/lablink-kept-7-ab", 7).may_go(&collected));
        assert!(kept("/tmp/lablink-kept-6-ab", 6).may_go(&collected));
        assert!(!kept("/home/lablink/lablink-kept-8-ab", 8).may_go(&collected));
        assert!(!kept("/srv/other/lablink-kept-7-ab", 7).may_go(&collected));
        assert_eq!(Kept::claim_of(OsStr::new("lablink-kept-7-0a")), Some(7));
        for name in ["lablink-kept-", "lablink-kept-x-0a", "kept-7-0a", "lablink-kept-7"] {
            assert!(!Kept::is_name(OsStr::new(name)), "{name}");
        }
    }
}
