use std::{
    fs,
    os::unix::fs::{MetadataExt, lchown},
    path::Path,
};

use nix::unistd::{Gid, Uid, User};
use tokio::process::Command;

use crate::{EmbeddedPostgresError, Result};

/// Whom the server runs as and its files belong to: us, or `postgres` when we are root.
#[derive(Clone, Copy)]
pub(super) struct Account {
    uid: Uid,
    gid: Gid,
}

impl Account {
    pub(super) fn of_server() -> Result<Self> {
        if !Uid::effective().is_root() {
            return Ok(Self { uid: Uid::effective(), gid: Gid::effective() });
        }
        let user = User::from_name("postgres").ok().flatten();
        let user = user.ok_or(EmbeddedPostgresError::NoServerAccount)?;
        Ok(Self { uid: user.uid, gid: user.gid })
    }

    fn is_ours(self) -> bool {
        self.uid == Uid::effective()
    }

    pub(super) fn is_owner(self, uid: u32) -> bool {
        self.uid.as_raw() == uid
    }

    /// A command of this account, free of our environment: a `PGDATA` or `PGOPTIONS` in it must
    /// not reach the server.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .current_dir("/")
            // A group of its own: Ctrl-C in the terminal is for the allocator, which then stops us.
            .process_group(0)
            .stdin(std::process::Stdio::null());
        if !self.is_ours() {
            command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
        }
        command
    }

    /// Gives a path to this account.
    pub(super) fn own(self, path: &Path) -> Result<()> {
        if self.is_ours() {
            return Ok(());
        }
        lchown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw()))
            .map_err(EmbeddedPostgresError::io(format!("give {} to postgres", path.display())))
    }

    /// Gives a folder and all in it to this account, the folder itself last, so that an
    /// interrupted change is seen and done again.
    pub(super) fn own_tree(self, dir: &Path) -> Result<()> {
        let failed = || EmbeddedPostgresError::io(format!("read {}", dir.display()));
        for entry in fs::read_dir(dir).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            match entry.file_type().map_err(failed())?.is_dir() {
                true => self.own_tree(&entry.path())?,
                false => self.own(&entry.path())?,
            }
        }
        self.own(dir)
    }

    /// Checks that the account can get to `dir` through all its parents.
    pub(super) fn check_reach(self, dir: &Path) -> Result<()> {
        if self.is_ours() {
            return Ok(());
        }
        for ancestor in dir.ancestors() {
            let meta = fs::metadata(ancestor)
                .map_err(EmbeddedPostgresError::io(format!("look at {}", ancestor.display())))?;
            if !self.may_enter(meta.uid(), meta.gid(), meta.mode()) {
                return Err(EmbeddedPostgresError::Unreachable(ancestor.to_owned()));
            }
        }
        Ok(())
    }

    /// As the kernel decides: the first class that fits counts, and no other.
    fn may_enter(self, uid: u32, gid: u32, mode: u32) -> bool {
        let bit = match (self.uid.as_raw() == uid, self.gid.as_raw() == gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        mode & bit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_class_that_fits_decides_who_enters() {
        let account = Account { uid: Uid::from_raw(101), gid: Gid::from_raw(104) };
        assert!(account.may_enter(0, 0, 0o711));
        assert!(!account.may_enter(0, 0, 0o700));
        assert!(account.may_enter(0, 104, 0o710));
        assert!(!account.may_enter(0, 104, 0o701));
        assert!(account.may_enter(101, 104, 0o700));
    }
}
