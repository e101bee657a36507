use crate::ids::{PoolId, VmId};

/// What a sealed value is, and whose. It opens only as this, wherever somebody copies it in the
/// database.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject {
    /// The AWS keys of a pool.
    AwsKeys(PoolId),
    /// The SSH key of a machine, by the id of its row.
    SshKey { vm_id: VmId },
}

impl Subject {
    /// Stored values are bound to these words, so they never change.
    pub(super) fn associated_data(self) -> String {
        match self {
            Self::AwsKeys(pool) => format!("aws_keys of pool {pool}"),
            Self::SshKey { vm_id } => format!("ssh_access of vm {vm_id}"),
        }
    }
}
