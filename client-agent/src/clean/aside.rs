use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{
    failure::{Doing as _, Failure},
    folder::Folder,
    kept::{Kept, TEMPORARY},
};
use crate::desktop::Account;

/// Folders are not deeper than this by accident.
const DEEPEST: usize = 32;

/// Puts the account's home aside: a renaming, whatever is in it.
pub fn home(account: &Account, claim_id: i64) -> Result<(), Failure> {
    let home = &account.home;
    if fs::symlink_metadata(home).doing_if_there("can't look at", home)?.is_none() {
        return Ok(());
    }
    let (parent, name) = (home.parent().unwrap_or(home), home.file_name().unwrap_or_default());
    let kept = Kept::make(parent, claim_id)?;
    fs::rename(home, kept.join(name))
        // One for each try would stay.
        .inspect_err(|_moved_nothing| drop(fs::remove_dir(&kept)))
        .doing("can't put aside", home)
}

/// Puts aside what belongs to the account in the folders that everybody shares, and in others'
/// folders there.
pub fn temporary(account: &Account, claim_id: i64) -> Result<(), Failure> {
    for area in TEMPORARY.map(Path::new) {
        // Some systems have one of them as a link to the other.
        let real = fs::canonicalize(area).doing_if_there("can't look at", area)?;
        let Some(area) = real.as_deref() else { continue };
        let folder = Folder::open(area).doing("can't open", area)?;
        let device = folder.device().doing("can't look at", area)?;
        let search = Search { account, area, device };
        let mut kept = Aside { area, claim_id, made: None, count: 0 };
        search.empty(&folder, area, DEEPEST, &mut kept)?;
    }
    Ok(())
}

struct Search<'a> {
    account: &'a Account,
    area: &'a Path,
    device: u64,
}

impl Search<'_> {
    /// `path` is for people; only `folder` is worked in.
    fn empty(
        &self,
        folder: &Folder,
        path: &Path,
        depth: usize,
        aside: &mut Aside<'_>,
    ) -> Result<(), Failure> {
        // A folder that goes while it is read was a program's that cleans up.
        for entry in fs::read_dir(folder.itself()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let (at, shown) = (folder.at(&name), path.join(&name));
            let looked = fs::symlink_metadata(&at).doing_if_there("can't look at", &shown)?;
            let Some(meta) = looked else { continue };
            if meta.uid() == self.account.uid {
                aside.take(&at, &shown, &name)?;
            } else if meta.is_dir()
                && meta.dev() == self.device
                && depth > 0
                && !(path == self.area && Kept::is_name(&name) && meta.uid() == 0)
                && let Ok(inner) = Folder::open(&at)
            {
                self.empty(&inner, &shown, depth - 1, aside)?;
            }
        }
        Ok(())
    }
}

/// A folder for what is put aside, made when it is needed.
struct Aside<'a> {
    area: &'a Path,
    claim_id: i64,
    made: Option<PathBuf>,
    count: usize,
}

impl Aside<'_> {
    fn take(&mut self, at: &Path, shown: &Path, name: &OsStr) -> Result<(), Failure> {
        let folder = match &self.made {
            Some(folder) => folder.clone(),
            None => self.made.insert(Kept::make(self.area, self.claim_id)?).clone(),
        };
        // Two folders may each have one of this name.
        let mut unique = OsString::from(format!("{}-", self.count));
        unique.push(name);
        self.count += 1;
        let moved = fs::rename(at, folder.join(unique));
        moved.doing_if_there("can't put aside", shown).map(drop)
    }
}
