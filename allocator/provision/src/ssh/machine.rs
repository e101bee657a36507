use std::path::PathBuf;

use lablink_core::ssh::{FitAddresses, SshAccess};
use lablink_protocol::Hostname;

/// A VM, and how it is reached.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub hostname: Hostname,
    /// For a VM that LabLink launched.
    pub number: Option<i32>,
    pub reach: Reach,
}

/// The way to a VM's files.
#[derive(Clone, Debug)]
pub(crate) enum Reach {
    /// A local VM: its folder on this machine.
    Here(PathBuf),
    Ssh {
        access: SshAccess,
        /// As `known_hosts` has it: type and base64. None: this is the first contact.
        host_key: Option<String>,
        /// What its address may be, where somebody has typed it. None: Terraform has told us.
        fit: Option<FitAddresses>,
    },
    /// There is no way, for this reason.
    None(String),
}
