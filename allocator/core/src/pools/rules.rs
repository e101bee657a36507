use std::num::NonZero;

use super::{AfterUse, Desktop, Extension, PerAddress, Reclaim, Source, StaleAfter};
use crate::{AccessCode, EmailDomain};

/// The rules of one pool. Those of the default pool come from the configuration.
#[derive(Clone, Debug)]
pub struct Rules {
    pub claiming: Claiming,
    pub machines: Machines,
    pub results: Results,
}

/// The people who may have a VM, and how they get back in.
#[derive(Clone, Debug)]
pub struct Claiming {
    /// Domains whose addresses may claim; none: every address may.
    pub email_domains: Vec<EmailDomain>,
    /// What participants must enter beside their e-mail, if anything.
    pub access_code: Option<AccessCode>,
    pub reclaim: Reclaim,
    pub desktop: Desktop,
    /// How many people of one address may stand in line or hold a VM.
    pub per_address: PerAddress,
}

/// Which VMs there are, and when one is handed out.
#[derive(Clone, Debug)]
pub struct Machines {
    /// Where launched VMs come from. None: nothing can be launched here.
    pub launched_from: Option<Source>,
    /// What a launch makes, in the organiser's words.
    pub description: String,
    /// The most VMs that one launch may ask for.
    pub most_per_launch: u32,
    /// The most VMs that nobody asked for and that report by themselves. None: no limit.
    pub most_unknown: Option<NonZero<u32>>,
    /// The software whose running means that a VM is in use: one line of text.
    pub software: String,
    pub stale_after: StaleAfter,
    /// What becomes of a machine that LabLink did not make when its participant is done.
    pub after_use: AfterUse,
}

/// What is collected from VMs.
#[derive(Clone, Debug)]
pub struct Results {
    /// The ending of result files, unless somebody asks for another.
    pub extension: Extension,
}
