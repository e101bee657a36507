/// What a launch makes, as configured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// As in `us-west-2`.
    pub region: String,
    /// As in `g4dn.xlarge`.
    pub machine_type: String,
    /// Types that machines may be made of where the first is not to be had, in this order.
    pub other_types: Vec<String>,
    /// The machine image, as in `ami-0123456789abcdef0`.
    pub image: String,
    /// The size of the root disk. None: the image's own.
    pub root_gb: Option<u32>,
    pub market: Market,
    /// Where the machines may be. Empty: in every zone that offers the type.
    pub zones: Vec<String>,
    /// What all that is made carries.
    pub tags: Vec<(String, String)>,
    /// The name of the machines' security group.
    pub security_group: String,
    /// The name of the machines' SSH key.
    pub key_pair: String,
}

impl Plan {
    /// The type that is wanted, then the others.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        let others = self.other_types.iter().filter(|it| **it != self.machine_type);
        std::iter::once(&self.machine_type).chain(others).map(String::as_str)
    }
}

/// How machines are paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Market {
    OnDemand,
    /// Cheaper, and AWS may take them back with two minutes' notice.
    Spot,
}

/// What somebody thinks of launching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How many machines, at least 1.
    pub count: u32,
    /// For how long, if that was said.
    pub hours: Option<u32>,
}
