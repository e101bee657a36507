use std::time::Duration;

/// What one VM may cost, and what all of them leave free.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// VMs that are read at the same time; at least 1.
    pub at_once: usize,
    /// For the connection, until the VM's SSH server has answered. In whole seconds.
    pub connect: Duration,
    /// Without a byte, while we wait for one.
    pub stall: Duration,
    /// All waiting for one VM together.
    pub per_vm: Duration,
    /// Bytes of one VM's files, as they come to lie in an archive.
    pub bytes_per_vm: u64,
    /// Bytes that have to come in each second of waiting, as a mean over the time of a stall.
    pub slowest: u64,
    /// Bytes that stay free on the disk.
    pub reserve: u64,
}

impl Limits {
    /// How long a VM may take to say what it has, which all others wait for.
    pub fn list(&self) -> Duration {
        (self.stall * 10).min(self.per_vm)
    }
}
