use serde::Deserialize;

use super::query::{MOST, Query};
use crate::{Aws, CallError};

/// AWS says of the call only that it was done.
#[derive(Deserialize)]
struct Done {}

impl Aws {
    /// Restarts machines as their button would. Needs `ec2:RebootInstances`.
    pub async fn reboot<I: AsRef<str>>(&self, ids: &[I]) -> Result<(), CallError> {
        self.each(ids, "RebootInstances").await
    }

    /// Ends machines, and what is on them, for good. Those that are gone already count as done, if EC2
    /// still knows them. Needs `ec2:TerminateInstances`.
    pub async fn terminate<I: AsRef<str>>(&self, ids: &[I]) -> Result<(), CallError> {
        self.each(ids, "TerminateInstances").await
    }

    /// Removes one thing of these kinds: `volume`, `snapshot`, `security-group`, `key-pair` and
    /// `elastic-ip`, by its id. Needs the right of that name, such as `ec2:DeleteVolume`. False: this
    /// kind is not removed so.
    pub async fn remove(&self, kind: &str, id: &str) -> Result<bool, CallError> {
        let (call, name) = match kind {
            "volume" => ("DeleteVolume", "VolumeId"),
            "snapshot" => ("DeleteSnapshot", "SnapshotId"),
            "security-group" => ("DeleteSecurityGroup", "GroupId"),
            "key-pair" => ("DeleteKeyPair", "KeyPairId"),
            "elastic-ip" => ("ReleaseAddress", "AllocationId"),
            _ => return Ok(false),
        };
        let Done {} = self.ec2(&Query::new(call).set(name, id), None).await?;
        Ok(true)
    }

    async fn each<I: AsRef<str>>(&self, ids: &[I], call: &'static str) -> Result<(), CallError> {
        for ids in ids.chunks(MOST) {
            let Done {} = self.ec2(&Query::new(call).list("InstanceId", ids), None).await?;
        }
        Ok(())
    }
}
