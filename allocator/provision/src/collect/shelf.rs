use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use lablink_core::{
    DbError, Scope,
    collections::{self, Retention},
    operations::OperationId,
};

/// Where the archives of operations lie: `{operation}.zip`.
pub(super) struct Shelf {
    directory: PathBuf,
    /// This allocator's name in the rows.
    pub owner: String,
    retention: Retention,
}

/// An archive that is being written. Dropping it removes it.
pub(super) struct Torso {
    path: PathBuf,
    archive: PathBuf,
    /// Locked, so that nobody who shares the folder takes it for a leftover.
    file: File,
}

const UNFINISHED: &str = "part";

impl Shelf {
    /// Removes what a killed allocator has left unfinished.
    pub fn open(directory: PathBuf, owner: String, retention: Retention) -> io::Result<Self> {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == UNFINISHED) && is_left(&path) {
                tracing::info!(path = %path.display(), "removing an archive that was never finished");
                fs::remove_file(path)?;
            }
        }
        Ok(Self { directory, owner, retention })
    }

    /// Where the archive of an operation lies, if it does.
    pub fn find(&self, operation: OperationId) -> Option<PathBuf> {
        Some(self.path(operation)).filter(|path| path.is_file())
    }

    pub fn begin(&self, operation: OperationId) -> io::Result<Torso> {
        let archive = self.path(operation);
        let path = archive.with_extension(format!("zip.{UNFINISHED}"));
        let mut options = OpenOptions::new();
        // Read where files move in it.
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&path)?;
        file.try_lock()?;
        Ok(Torso { path, archive, file })
    }

    pub fn discard(&self, operation: OperationId) -> io::Result<()> {
        match fs::remove_file(self.path(operation)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Removes archives of which no row tells, and those that are beyond the bounds, oldest first.
    pub async fn tidy(&self, scope: &Scope) -> Result<u64, DbError> {
        let mut removed = 0;
        for operation in self.unknown(scope).await? {
            tracing::info!(operation.id = %operation, "removing an archive that nobody knows of");
            removed += u64::from(self.remove(operation));
        }
        for operation in collections::beyond(scope, &self.owner, &self.retention).await? {
            if self.remove(operation) {
                removed += 1;
                collections::discarded(scope, operation).await?;
            }
        }
        Ok(removed)
    }

    /// Old archives whose allocator was killed before it could write that they are there. Young
    /// ones stay: they may be known to another database, or to another pool's.
    async fn unknown(&self, scope: &Scope) -> Result<Vec<OperationId>, DbError> {
        let mut unknown = Vec::new();
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let number = name.to_str().and_then(|it| it.strip_suffix(".zip")?.parse().ok());
            let modified = entry.metadata().and_then(|it| it.modified());
            let age = modified.ok().and_then(|it| it.elapsed().ok()).unwrap_or_default();
            let (Some(operation), true) = (number, age > self.retention.age) else { continue };
            let found = collections::find(scope, operation).await?;
            let archive = found.and_then(|it| it.archive);
            if archive.is_none_or(|it| it.removed_at.is_some()) {
                unknown.push(operation);
            }
        }
        Ok(unknown)
    }

    fn remove(&self, operation: OperationId) -> bool {
        let removed = self.discard(operation);
        if let Err(error) = &removed {
            let error = error as &dyn std::error::Error;
            tracing::warn!(operation.id = %operation, error, "an archive can't be removed");
        }
        removed.is_ok()
    }

    fn path(&self, operation: OperationId) -> PathBuf {
        self.directory.join(format!("{operation}.zip"))
    }
}

impl Torso {
    /// The same file once more, to be written to.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Gives it its name, once it is on the disk. Blocks.
    pub fn complete(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.archive)?;
        // A rename is only safe from a power cut once the folder is.
        if let Some(folder) = self.archive.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for Torso {
    fn drop(&mut self) {
        // A completed one has another name by now.
        let _gone = fs::remove_file(&self.path);
    }
}

fn is_left(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use std::{io::Write, time::Duration};

    use super::*;

    fn id(number: i64) -> OperationId {
        number.into()
    }

    fn shelf(folder: &Path) -> Shelf {
        let retention = Retention { age: Duration::from_hours(1), bytes: 1, archives: 1 };
        Shelf::open(folder.to_owned(), "here".to_owned(), retention).unwrap()
    }

    #[test]
    fn an_archive_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(folder.path());
        let torso = shelf.begin(id(7)).unwrap();
        torso.file().unwrap().write_all(b"PK").unwrap();
        assert_eq!(shelf.find(id(7)), None);
        torso.complete().unwrap();
        assert_eq!(fs::read(shelf.find(id(7)).unwrap()).unwrap(), b"PK");
        drop(shelf.begin(id(8)).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        shelf.discard(id(7)).unwrap();
        shelf.discard(id(7)).unwrap();
        assert_eq!(shelf.find(id(7)), None);
    }

    #[test]
    fn what_a_killed_allocator_left_is_removed_and_what_another_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let writing = shelf(folder.path()).begin(id(1)).unwrap();
        fs::write(folder.path().join("2.zip.part"), "torso").unwrap();
        fs::write(folder.path().join("3.zip"), "whole").unwrap();
        let shelf = shelf(folder.path());
        assert!(writing.path.exists() && shelf.find(id(3)).is_some());
        assert!(!folder.path().join("2.zip.part").exists());
    }
}
