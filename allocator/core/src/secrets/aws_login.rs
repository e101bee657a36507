use super::Vault;
use crate::aws::CloudIdentity;

/// The AWS credentials of a pool's operations.
pub struct AwsLogin {
    /// None where the allocator was built without AWS.
    pub identity: Option<Box<dyn CloudIdentity>>,
    pub vault: Vault,
}
