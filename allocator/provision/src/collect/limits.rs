use std::time::Duration;

/// What one VM may cost.
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
}
