use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lablink_core::amount::size;
use nix::sys::statvfs::statvfs;

/// The disk that archives, and files on their way into one, share with others: the database may
/// lie there too. So some of it stays free whatever is collected.
#[derive(Clone)]
pub(super) struct Room(Arc<Disk>);

struct Disk {
    directory: PathBuf,
    /// Bytes that stay free.
    reserve: u64,
    /// Bytes that somebody may still write.
    promised: Mutex<u64>,
}

/// Bytes of it that nobody else gets. Dropping it gives back what was not written.
pub(super) struct Share {
    room: Room,
    left: u64,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Full {
    #[error(
        "not enough space on the allocator's disk: {} are needed, {} are free for it (beside {} \
         that stay free, and what else is being collected). Make room in {directory}, or collect \
         fewer VMs at once",
        size(*.needed), size(*.free), size(*.reserve)
    )]
    Short { needed: u64, free: u64, reserve: u64, directory: String },
    #[error(
        "the allocator's disk is full but for the {} that stay free: make room in {directory}",
        size(*.reserve)
    )]
    Reached { reserve: u64, directory: String },
    #[error("the free space of the allocator's disk can't be told: {0}")]
    Unknown(#[from] io::Error),
}

impl Room {
    pub fn new(directory: PathBuf, reserve: u64) -> Self {
        Self(Arc::new(Disk { directory, reserve, promised: Mutex::new(0) }))
    }

    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    /// Sets bytes aside, if they are free.
    pub fn set_aside(&self, bytes: u64) -> Result<Share, Full> {
        let mut promised = self.promised();
        let free = self.free_beside(*promised)?;
        if bytes > free {
            return Err(self.short(bytes, free));
        }
        *promised += bytes;
        Ok(Share { room: self.clone(), left: bytes })
    }

    fn short(&self, needed: u64, free: u64) -> Full {
        let Disk { directory, reserve, .. } = &*self.0;
        let directory = directory.display().to_string();
        Full::Short { needed, free, reserve: *reserve, directory }
    }

    fn free_beside(&self, promised: u64) -> Result<u64, Full> {
        let disk = statvfs(&self.0.directory).map_err(io::Error::from)?;
        let free = disk.blocks_available().saturating_mul(disk.fragment_size());
        Ok(free.saturating_sub(self.0.reserve).saturating_sub(promised))
    }

    fn promised(&self) -> MutexGuard<'_, u64> {
        self.0.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes this many bytes from it, and from what else is free if it has too few.
    pub fn part(&mut self, bytes: u64) -> Result<Self, Full> {
        let own = bytes.min(self.left);
        let mut part = self.room.set_aside(bytes - own)?;
        self.left -= own;
        part.left += own;
        Ok(part)
    }

    /// Asked before bytes are written: the reserve stays free even if others fill the disk.
    pub fn spend(&mut self, bytes: u64) -> Result<(), Full> {
        let own = bytes.min(self.left);
        self.left -= own;
        *self.room.promised() -= own;
        if self.room.free_beside(0)? < bytes {
            let Disk { directory, reserve, .. } = &*self.room.0;
            let directory = directory.display().to_string();
            return Err(Full::Reached { reserve: *reserve, directory });
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        *self.room.promised() -= self.left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: u64 = u64::MAX / 4;

    #[test]
    fn what_does_not_fit_is_told_with_both_figures() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::new(folder.path().to_owned(), 1_000_000);
        drop(room.set_aside(0).unwrap());
        let told = room.set_aside(MANY).err().unwrap().to_string();
        assert!(told.contains("are needed") && told.contains("are free"), "{told}");
    }

    #[test]
    fn what_is_promised_to_one_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::new(folder.path().to_owned(), 0);
        // Half: others write to the disk meanwhile.
        let half = room.free_beside(0).unwrap() / 2;
        let mut mine = room.set_aside(half).unwrap();
        assert!(room.set_aside(half + half / 2).is_err());
        let mut part = mine.part(half / 2).unwrap();
        assert_eq!((part.left, mine.left, *room.promised()), (half / 2, half - half / 2, half));
        part.spend(10).unwrap();
        assert_eq!(*room.promised(), half - 10);
        let more = mine.part(mine.left + 7).unwrap();
        assert_eq!((mine.left, *room.promised()), (0, half - 10 + 7));
        drop((mine, part, more));
        assert_eq!(*room.promised(), 0);
        assert!(room.set_aside(half).is_ok());
    }

    #[test]
    fn nothing_is_written_into_what_stays_free() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::new(folder.path().to_owned(), MANY);
        let mut share = room.set_aside(0).unwrap();
        assert!(matches!(share.spend(1), Err(Full::Reached { .. })));
    }
}
