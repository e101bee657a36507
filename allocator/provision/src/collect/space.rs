use std::{io, path::Path};

use nix::sys::statvfs::statvfs;

use super::words::size;

/// What stays free on the disk whatever is collected: the database may lie there too.
pub(super) const RESERVE: u64 = 1_000_000_000;

#[derive(Debug, thiserror::Error)]
pub(super) enum Full {
    #[error(
        "not enough space on the allocator's disk: {} are needed (with {} that stay free), {} are \
         free. Make room in {directory}, or collect fewer VMs at once",
        size(*.needed), size(RESERVE), size(*.free)
    )]
    Short { needed: u64, free: u64, directory: String },
    #[error("the free space of the allocator's disk can't be told: {0}")]
    Unknown(#[from] io::Error),
}

/// Whether `bytes` fit on the disk of this folder, beside the reserve.
pub(super) fn check(directory: &Path, bytes: u64) -> Result<(), Full> {
    let disk = statvfs(directory).map_err(io::Error::from)?;
    let free = disk.blocks_available().saturating_mul(disk.fragment_size());
    let needed = bytes.saturating_add(RESERVE);
    if needed <= free {
        return Ok(());
    }
    Err(Full::Short { needed, free, directory: directory.display().to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_told_with_both_figures() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), 0).unwrap();
        let told = check(folder.path(), u64::MAX / 2).unwrap_err().to_string();
        assert!(told.contains("are needed") && told.contains("are free"), "{told}");
    }
}
