//! What an archive has room for is known once all VMs have said what they have.

use super::{
    gather::{Found, Listed},
    room::Room,
};

/// What an archive adds to each file, in bytes, beside its name, twice.
const BESIDE: u64 = 256;

/// Sets room aside for each VM's files, from the VM that has least: one that has too much for the
/// disk fails alone.
pub(super) fn admit(room: &Room, listed: &mut [Listed]) {
    let mut founds: Vec<&mut Result<Found, String>> =
        listed.iter_mut().map(|it| &mut it.found).collect();
    founds.sort_by_key(|found| found.as_ref().map_or(0, cost));
    for found in founds {
        let Ok(it) = found else { continue };
        match room.set_aside(cost(it)) {
            Ok(share) => it.share = Some(share),
            Err(full) => *found = Err(full.to_string()),
        }
    }
}

/// Bytes of the archive.
fn cost(found: &Found) -> u64 {
    let files = &found.listing.files;
    let beside = files.iter().map(|file| BESIDE + 2 * file.path.len() as u64).sum::<u64>();
    found.listing.cost().saturating_add(beside)
}
