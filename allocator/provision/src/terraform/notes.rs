//! Notes of the steps that run, a file for each: should an allocator be killed, the next one on
//! this machine ends what it left running.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::process::Process;

/// Steps that take no lock of the state.
const LOCKLESS: [&str; 4] =
    ["terraform init", "terraform state pull", "terraform force-unlock", "terraform show"];

/// Whether a step of this name takes the lock of the state.
pub(super) fn takes_lock(name: &str) -> bool {
    !LOCKLESS.contains(&name)
}

/// Deleted when the step has ended.
pub(super) struct Note(PathBuf);

impl Note {
    /// Keeps the note: the step was killed, and may have left a lock that has to be freed.
    pub fn leave(self) {
        std::mem::forget(self);
    }

    pub fn write(folder: &Path, step: Process, name: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let ours = i32::try_from(std::process::id()).ok().and_then(Process::find);
        let ours = ours.ok_or_else(|| io::Error::other("/proc can't be read"))?;
        let path = folder.join(step.to_string().replace(' ', "-"));
        fs::write(&path, format!("{step}\n{ours}\n{name}\n"))?;
        Ok(Self(path))
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.0);
    }
}

/// A step that is nobody's any more: its allocator is gone, or it was killed.
pub(super) struct Orphan {
    pub process: Process,
    pub name: String,
    note: PathBuf,
}

impl Orphan {
    /// Those that are noted here. Steps of an allocator that lives are not among them.
    pub fn all(folder: &Path) -> Vec<Self> {
        let notes = fs::read_dir(folder).into_iter().flatten().flatten();
        notes.filter_map(|note| Self::read(note.path())).collect()
    }

    fn read(note: PathBuf) -> Option<Self> {
        let text = fs::read_to_string(&note).ok()?;
        let mut lines = text.lines();
        let process = Process::read(lines.next()?)?;
        let owner = Process::read(lines.next()?)?;
        let name = lines.next()?.to_owned();
        let minded = owner.lives() && process.lives();
        (!minded).then_some(Self { process, name, note })
    }

    /// Since when a lock of the state may be its own.
    pub fn since(&self) -> Option<SystemTime> {
        if !takes_lock(&self.name) {
            return None;
        }
        fs::metadata(&self.note).and_then(|note| note.modified()).ok()
    }

    /// Nothing is left of it.
    pub fn forget(self) {
        drop(Note(self.note));
    }
}
