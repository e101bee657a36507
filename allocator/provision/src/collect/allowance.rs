use lablink_core::amount::size;

use super::listing::Listing;

/// What a VM may still send, going by what it said that it has.
#[derive(Debug)]
pub(super) struct Allowance {
    /// As much as it listed, and a little for what has grown meanwhile.
    listed: Budget,
    /// As much as any VM may have.
    most: Budget,
}

#[derive(Clone, Copy, Debug)]
struct Budget {
    bytes: u64,
    left: u64,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Over {
    #[error("it sends more than it listed ({}), so it was stopped", size(*.0))]
    Listed(u64),
    #[error("its files take more than the {} that a VM may have (collect.gigabytes_per_vm)", size(*.0))]
    Most(u64),
}

/// By how much files may grow until they are sent: so many bytes, or a tenth.
const GROWTH: u64 = 64 * 1024 * 1024;

impl Allowance {
    /// For a VM with this list, where none may have more than `most` bytes.
    pub fn of(listing: &Listing, most: u64) -> Result<Self, Over> {
        if listing.cost() > most {
            return Err(Over::Most(most));
        }
        let bytes = listing.size();
        let left = bytes.saturating_add(GROWTH.max(bytes / 10));
        Ok(Self { listed: Budget { bytes, left }, most: Budget { bytes: most, left: most } })
    }

    /// Asked before bytes are taken.
    pub fn spend(&mut self, bytes: u64) -> Result<(), Over> {
        self.listed.spend(bytes).ok_or(Over::Listed(self.listed.bytes))?;
        self.most.spend(bytes).ok_or(Over::Most(self.most.bytes))
    }
}

impl Budget {
    fn spend(&mut self, bytes: u64) -> Option<()> {
        self.left = self.left.checked_sub(bytes)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{
        listing::{Found, Place},
        skipped::Skipped,
    };

    const GB: u64 = 1_000_000_000;

    fn listing(size: u64, held: u64) -> Listing {
        let files = vec![Found { path: (*b"a").into(), size, held }];
        Listing { place: Place::Plain("/x".into()), files, skipped: Skipped::default() }
    }

    #[test]
    fn files_may_grow_a_little_and_no_more() {
        let mut grown = Allowance::of(&listing(GB, GB), 100 * GB).unwrap();
        grown.spend(GB).unwrap();
        grown.spend(GB / 10).unwrap();
        assert_eq!(grown.spend(1), Err(Over::Listed(GB)));
        let mut nothing = Allowance::of(&listing(0, 0), 100 * GB).unwrap();
        nothing.spend(GROWTH).unwrap();
        let told = nothing.spend(5 * GB).unwrap_err().to_string();
        assert_eq!(told, "it sends more than it listed (0 B), so it was stopped");
    }

    #[test]
    fn holes_are_no_bytes_until_they_come_as_such() {
        let holes = listing(500 * GB, 4096);
        let mut lying = Allowance::of(&holes, 100 * GB).unwrap();
        lying.spend(99 * GB).unwrap();
        assert_eq!(lying.spend(2 * GB), Err(Over::Most(100 * GB)));
        let refused = Allowance::of(&listing(101 * GB, 101 * GB), 100 * GB).unwrap_err();
        assert!(refused.to_string().contains("more than the 100 GB that a VM may have"));
    }
}
