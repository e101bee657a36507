use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use anyhow::Context as _;
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

/// The agent's own folder. Its files are readable by its user alone and are replaced whole: after
/// a crash there is the old text or the new one.
#[derive(Clone)]
pub struct StateDir(PathBuf);

/// The right to work with a state directory. The kernel takes it back when the process ends.
pub struct Locked {
    _lock: Flock<fs::File>,
}

const LOCK: &str = "lock";

impl StateDir {
    /// Makes the folder, readable by its user alone, when there is none.
    pub fn open(folder: PathBuf) -> anyhow::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).with_context(|| {
            format!(
                "can't make the state directory {}: run the agent as a user who may, or choose \
                 another with --state-dir",
                folder.display()
            )
        })?;
        Ok(Self(folder))
    }

    /// Refuses when another agent works with this directory.
    pub fn lock(&self) -> anyhow::Result<Locked> {
        self.try_lock()?.with_context(|| {
            format!(
                "another agent runs with the state directory {}: stop that one, or choose another \
                 with --state-dir",
                self.0.display()
            )
        })
    }

    /// Whether an agent works with this directory.
    pub fn is_locked(&self) -> anyhow::Result<bool> {
        Ok(self.try_lock()?.is_none())
    }

    fn try_lock(&self) -> anyhow::Result<Option<Locked>> {
        let path = self.0.join(LOCK);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("can't open {}", path.display()))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Locked { _lock: lock })),
            Err((_file, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_file, error)) => {
                Err(error).with_context(|| format!("can't lock {}", path.display()))
            }
        }
    }

    pub fn read(&self, name: &str) -> anyhow::Result<Option<String>> {
        let file = self.0.join(name);
        match fs::read_to_string(&file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("can't read {}", file.display())),
        }
    }

    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let file = self.0.join(name);
        self.replace(name, text).with_context(|| {
            format!("can't write {}: is the disk full or not writable?", file.display())
        })
    }

    fn replace(&self, name: &str, text: &str) -> io::Result<()> {
        let draft = self.0.join(format!(".{name}.new"));
        // A draft left by a crash could have another mode.
        self.remove_file(&format!(".{name}.new"))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(draft, self.0.join(name))?;
        // Without that, a power cut could bring the old text back after others have seen the new.
        fs::File::open(&self.0)?.sync_all()
    }

    pub fn remove(&self, name: &str) -> anyhow::Result<()> {
        self.remove_file(name)
            .with_context(|| format!("can't remove {}", self.0.join(name).display()))
    }

    fn remove_file(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.0.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_private_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/.token.new"), "half a wri").unwrap();
        state.write("token", "one").unwrap();
        state.write("token", "two").unwrap();
        assert_eq!(state.read("token").unwrap().as_deref(), Some("two"));
        let mode = |path: &str| {
            fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777
        };
        assert_eq!((mode("a/b"), mode("a/b/token")), (0o700, 0o600));
        state.remove("token").unwrap();
        state.remove("token").unwrap();
        assert_eq!(state.read("token").unwrap(), None);
    }

    #[test]
    fn one_agent_at_a_time_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path().to_owned()).unwrap();
        assert!(!state.is_locked().unwrap());
        let locked = state.lock().unwrap();
        assert!(state.is_locked().unwrap());
        let refusal = state.lock().err().unwrap().to_string();
        assert!(refusal.contains("another agent runs"), "{refusal}");
        drop(locked);
        state.lock().unwrap();
    }
}
