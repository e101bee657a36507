use crate::{
    legacy,
    section::Section,
    syntax::{boolean, text},
};

/// `dns`: the name under which the allocator is reached.
#[derive(Clone, Debug)]
pub struct Dns {
    /// Default false: reached by its address only.
    pub enabled: bool,
    /// Default true: the infrastructure module owns the Route 53 record. False: somebody makes
    /// the record elsewhere.
    pub terraform_managed: bool,
    /// Whole host name of the allocator, below any number of zones; default empty.
    pub domain: String,
    /// Route 53 zone id, which spares the look-up by name; default empty.
    pub zone_id: String,
}

impl Dns {
    pub(crate) fn read(dns: &mut Section<'_>) -> Self {
        legacy::refuse_name_patterns(dns);
        Self {
            enabled: dns.value("enabled", boolean).unwrap_or(false),
            terraform_managed: dns.value("terraform_managed", boolean).unwrap_or(true),
            domain: dns.value("domain", text).unwrap_or_default(),
            zone_id: dns.value("zone_id", text).unwrap_or_default(),
        }
    }
}
