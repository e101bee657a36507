use std::{collections::HashMap, ffi::OsString, fs, os::unix::fs::MetadataExt as _, path::Path};

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
        let folder = home.join(".config/chrome-remote-desktop");
        let files = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| {
            let name = entry.file_name();
            let text = name.to_string_lossy();
            let is_host = text.starts_with("host#") && text.ends_with(".json");
            let meta = is_host.then(|| entry.metadata().ok()).flatten()?;
            let changed = (meta.mtime(), meta.mtime_nsec());
            Some((name, Version { inode: meta.ino(), size: meta.size(), changed }))
        });
        Self(files.collect())
    }

    /// Whether one of them is new or other than in `before`.
    pub fn differ_from(&self, before: &Self) -> bool {
        self.0.iter().any(|(name, version)| before.0.get(name) != Some(version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_and_a_rewritten_host_file_count_and_a_removed_one_does_not() {
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
    }
}
