use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::Finding;

/// What has to be free on a disk.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    /// Bytes; below, it is broken. Twice as much is worth a word.
    pub bytes: u64,
}

const MEBIBYTE: u64 = 1024 * 1024;

/// Whether there is room where `folder` lies.
pub fn disk(folder: &Path, floor: Floor) -> Finding {
    let found = match statvfs(folder) {
        Ok(found) => found,
        Err(error) => {
            return Finding::broken(
                format!("The disk of {} can't be looked at: {error}.", folder.display()),
                "Mount it, or name another folder.",
            );
        }
    };
    let free = found.blocks_available() * found.fragment_size();
    let files = found.files_available();
    let seen = format!("{} MiB are free in {}.", free / MEBIBYTE, folder.display());
    let todo = format!(
        "Make room: {} MiB are needed. Old archives of results and logs go first; on AWS raise \
         data_volume_gib.",
        floor.bytes / MEBIBYTE
    );
    // File systems that don't count files say that they have none.
    if found.files() > 0 && files < 1000 {
        return Finding::broken(
            format!("{} has room for {files} more files.", folder.display()),
            "Remove files: it is their number, and not their size.",
        );
    }
    if free < floor.bytes {
        Finding::broken(seen, todo)
    } else if free < floor.bytes.saturating_mul(2) {
        Finding::warning(seen, todo)
    } else {
        Finding::well(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_is_told_with_what_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(disk(folder.path(), Floor { bytes: 1 }).word(), "well");
        let full = disk(folder.path(), Floor { bytes: u64::MAX });
        assert!(full.is_broken() && full.todo().unwrap().contains("MiB are needed"), "{full:?}");
        assert!(disk(Path::new("/nowhere"), Floor { bytes: 1 }).is_broken());
    }
}
