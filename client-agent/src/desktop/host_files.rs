use std::{
    collections::HashMap,
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::Account;

/// The files by which Chrome Remote Desktop remembers that this machine is registered:
/// `~/.config/chrome-remote-desktop/host#*.json` (contract §3.6). A new or changed one is the sign
/// of success; start-host's exit status is not.
#[derive(PartialEq, Eq)]
pub struct HostFiles(HashMap<OsString, Version>);

#[derive(PartialEq, Eq)]
struct Version {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl HostFiles {
    /// As they are now; a folder that can't be read holds none.
    pub fn look(home: &Path) -> Self {
        let files = Self::paths(home).filter_map(|path| {
            let meta = fs::symlink_metadata(&path).ok()?;
            let changed = (meta.mtime(), meta.mtime_nsec());
            let version = Version { inode: meta.ino(), size: meta.size(), changed };
            Some((path.file_name()?.to_owned(), version))
        });
        Self(files.collect())
    }

    /// Makes this machine one that was never registered. As the account whose home it is: what a
    /// participant has put there could lead root elsewhere.
    pub async fn remove(home: &Path, account: Option<&Account>) -> io::Result<()> {
        let files: Vec<PathBuf> = Self::paths(home).collect();
        if files.is_empty() {
            return Ok(());
        }
        let program = Path::new("/bin/rm");
        let mut command = account.map_or_else(|| Command::new(program), |it| it.command(program));
        let removed = command.arg("-f").arg("--").args(files).stdin(Stdio::null()).output().await?;
        match removed.status.success() {
            true => Ok(()),
            false => Err(io::Error::other(String::from_utf8_lossy(&removed.stderr).into_owned())),
        }
    }

    fn paths(home: &Path) -> impl Iterator<Item = PathBuf> {
        let folder = home.join(".config/chrome-remote-desktop");
        fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| {
            let name = entry.file_name();
            let text = name.to_string_lossy();
            (text.starts_with("host#") && text.ends_with(".json")).then(|| entry.path())
        })
    }

    /// Whether one of them is new or other than in `before`.
    pub fn differ_from(&self, before: &Self) -> bool {
        self.0.iter().any(|(name, version)| before.0.get(name) != Some(version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_and_a_rewritten_host_file_count_and_a_removed_one_does_not() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".config/chrome-remote-desktop");
        let none = HostFiles::look(home.path());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("settings.json"), "{}").unwrap();
        assert!(!HostFiles::look(home.path()).differ_from(&none));

        fs::write(folder.join("host#1.json"), "{}").unwrap();
        let one = HostFiles::look(home.path());
        assert!(one.differ_from(&none));
        assert!(!one.differ_from(&one));

        fs::write(folder.join("host#1.json"), "{ }").unwrap();
        assert!(HostFiles::look(home.path()).differ_from(&one));
        fs::remove_file(folder.join("host#1.json")).unwrap();
        assert!(!HostFiles::look(home.path()).differ_from(&one));

        fs::write(folder.join("host#2.json"), "{}").unwrap();
        HostFiles::remove(home.path(), None).await.unwrap();
        assert!(HostFiles::look(home.path()) == none && folder.join("settings.json").exists());
    }
}
