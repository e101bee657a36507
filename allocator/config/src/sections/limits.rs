use std::num::NonZero;

use crate::{
    section::Section,
    syntax::{count, positive_count},
};

/// `limits`: how much one caller may ask for.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many forms may be refused in a minute for one browser, and ten times as many for one
    /// address; default 300. None (0 in the file): no limit.
    pub form_per_address: Option<NonZero<u32>>,
    /// The same for forms with one e-mail address; default 20. None (0 in the file): no limit.
    pub form_per_email: Option<NonZero<u32>>,
    /// Connections of one address whose callers have shown no credential and no link; default
    /// 2,000. None (0 in the file): no limit.
    pub connections_per_address: Option<usize>,
    /// Places in line that may come from one address (IPv6: one /64); 0: no limit. None: no limit
    /// with an access code, else as many as the pool has machines, and 200 at least.
    pub places_per_address: Option<u32>,
    /// Machines and places in line that people of one address may hold together; default 0, no
    /// limit.
    pub claims_per_address: u32,
    /// Requests that one VM may send in a minute, by its agent's token; default 600. None (0 in the
    /// file): no limit.
    pub requests_per_vm: Option<NonZero<u32>>,
    /// Most VMs of one launch; default 100.
    pub max_vms: NonZero<u32>,
    /// Most VMs that nobody asked for and that report by themselves (`LABLINK_AGENT_AUTH=open`);
    /// default 100. None (0 in the file): no limit.
    pub unknown_vms: Option<NonZero<u32>>,
}

const MAX_VMS: NonZero<u32> = NonZero::new(100).expect("100 is not 0");

impl Limits {
    pub(crate) fn read(limits: &mut Section<'_>) -> Self {
        let connections = limits.value("connections_per_address", count).unwrap_or(2_000);
        Self {
            connections_per_address: usize::try_from(connections).ok().filter(|most| *most > 0),
            form_per_address: NonZero::new(limits.value("form_per_address", count).unwrap_or(300)),
            form_per_email: NonZero::new(limits.value("form_per_email", count).unwrap_or(20)),
            places_per_address: limits.value("places_per_address", count),
            claims_per_address: limits.value("claims_per_address", count).unwrap_or(0),
            requests_per_vm: NonZero::new(limits.value("requests_per_vm", count).unwrap_or(600)),
            max_vms: limits.value("max_vms", positive_count).unwrap_or(MAX_VMS),
            unknown_vms: NonZero::new(limits.value("unknown_vms", count).unwrap_or(100)),
        }
    }
}
