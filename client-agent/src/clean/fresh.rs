use std::{
    fs::{self, DirBuilder, Permissions},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, lchown, symlink},
    path::Path,
};

use super::failure::{Doing as _, Failure};
use crate::desktop::Account;

const SKELETON: &str = "/etc/skel";
const PREFIX: &str = "lablink-fresh-";

/// Makes the account's home anew from `/etc/skel`. It comes into its place whole, or not at all.
pub fn home(account: &Account) -> Result<(), Failure> {
    let home = &account.home;
    let parent = home.parent().unwrap_or(home);
    forget_drafts(parent)?;
    let draft = parent.join(format!("{PREFIX}{:08x}", rand::random::<u32>()));
    DirBuilder::new().mode(0o700).create(&draft).doing("can't make the folder", &draft)?;
    fill(account, Path::new(SKELETON), &draft)?;
    own(account, &draft)?;
    fs::rename(&draft, home).doing("can't make the home", home)
}

/// Those of runs that were killed.
fn forget_drafts(parent: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(parent).doing("can't read", parent)?.flatten() {
        let is_draft = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_draft {
            fs::remove_dir_all(entry.path()).doing_if_there("can't remove", &entry.path())?;
        }
    }
    Ok(())
}

fn fill(account: &Account, from: &Path, to: &Path) -> Result<(), Failure> {
    let Some(entries) = fs::read_dir(from).doing_if_there("can't read", from)? else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry.doing("can't read", from)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let meta = entry.metadata().doing("can't look at", &source)?;
        if meta.is_dir() {
            DirBuilder::new().mode(0o700).create(&target).doing("can't make", &target)?;
            fill(account, &source, &target)?;
        } else if meta.is_symlink() {
            let to = fs::read_link(&source).doing("can't read", &source)?;
            symlink(to, &target).doing("can't make", &target)?;
        } else if meta.is_file() {
            fs::copy(&source, &target).doing("can't copy", &source)?;
        } else {
            continue;
        }
        own(account, &target)?;
        if !meta.is_symlink() {
            let mode = Permissions::from_mode(meta.mode() & 0o777);
            fs::set_permissions(&target, mode).doing("can't make", &target)?;
        }
    }
    Ok(())
}

fn own(account: &Account, path: &Path) -> Result<(), Failure> {
    lchown(path, Some(account.uid), Some(account.gid)).doing("can't give away", path)
}
