//! What an archive has room for is known once all VMs have said what they have.

use super::{
    content::LARGEST_IN_MEMORY,
    gather::{Found, Listed},
    listing,
    room::{Full, Room},
};

/// What an archive adds to each file, in bytes, beside its name, twice.
const BESIDE: u64 = 256;

/// Sets room aside for each VM's files, from the VM that has least: one that has too much for the
/// disk fails alone. `at_once` VMs are read at the same time, and each may have a file on the disk
/// beside the archive.
pub(super) fn admit(room: &Room, listed: &mut [Listed], at_once: usize) -> Result<(), Full> {
    let mut founds: Vec<&mut Result<Found, String>> =
        listed.iter_mut().map(|it| &mut it.found).collect();
    founds.sort_by_key(|found| found.as_ref().map_or(0, cost));
    let free = room.free()?;
    let (mut admitted, mut largest) = (0_u64, Vec::new());
    for found in founds {
        let Ok(it) = found else { continue };
        let (cost, spooled) = (cost(it), spooled(it));
        let mut with = largest.clone();
        with.push(spooled);
        with.sort_unstable_by_key(|size| std::cmp::Reverse(*size));
        with.truncate(at_once);
        let needed =
            with.iter().fold(admitted.saturating_add(cost), |sum, it| sum.saturating_add(*it));
        if needed > free {
            let left = free.saturating_sub(admitted);
            *found = Err(room.short(cost.saturating_add(spooled), left).to_string());
            continue;
        }
        match room.set_aside(cost) {
            Ok(share) => it.share = Some(share),
            // Somebody else was quicker.
            Err(full) => {
                *found = Err(full.to_string());
                continue;
            }
        }
        (admitted, largest) = (admitted + cost, with);
    }
    Ok(())
}

/// Bytes of the archive.
fn cost(found: &Found) -> u64 {
    let files = &found.listing.files;
    let beside = files.iter().map(|file| BESIDE + 2 * file.path.len() as u64).sum::<u64>();
    found.listing.cost().saturating_add(beside)
}

/// Bytes that may lie on the disk on their way into the archive.
fn spooled(found: &Found) -> u64 {
    let sizes = found.listing.files.iter().map(listing::Found::cost);
    sizes.max().filter(|size| *size > LARGEST_IN_MEMORY).unwrap_or_default()
}
