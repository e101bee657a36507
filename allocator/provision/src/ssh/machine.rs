use std::path::PathBuf;

use lablink_core::collections::{FitAddresses, SshAccess};
use lablink_protocol::Hostname;

/// A VM whose results are wanted.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub hostname: Hostname,
    /// Its folder in the archive: `vm_3`, or the hostname of a machine registered by hand, as far as
    /// it may be called so. Neither holds a slash, and hostnames hold no underscore.
    pub folder: String,
    pub reach: Reach,
}

/// The way to a VM's files.
#[derive(Clone, Debug)]
pub(super) enum Reach {
    /// A local VM: its folder on this machine.
    Here(PathBuf),
    Ssh {
        access: SshAccess,
        /// As `known_hosts` has it: type and base64. None: this is the first contact.
        host_key: Option<String>,
        /// What its address may be, where somebody has typed it. None: Terraform has told us.
        fit: Option<FitAddresses>,
    },
    /// There is none; why.
    None(String),
}
