/// How much people of one address may have at once.
#[derive(Clone, Copy, Debug)]
pub struct PerAddress {
    /// Open places in line.
    pub places: PlacesPerAddress,
    /// Open claims, with the places in line that may become some. None: as many as there are
    /// machines.
    pub claims: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacesPerAddress {
    Any,
    /// As many as the pool has machines, and [`FEWEST`] at least: a whole class may share an address.
    AsThePool,
    AtMost(u32),
}

/// The size of a class that waits for its machines.
pub const FEWEST: u32 = 200;

impl PerAddress {
    pub const UNLIMITED: Self = Self { places: PlacesPerAddress::Any, claims: None };
}
