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

    /// Removes a volume, snapshot, security group, key pair or elastic address, which its id tells. Needs
    /// the right to it, such as `ec2:DeleteVolume`. False: it is none of these, and stays.
    pub async fn remove(&self, id: &str) -> Result<bool, CallError> {
        let (call, name) = match id.split('-').next() {
            Some("vol") => ("DeleteVolume", "VolumeId"),
            Some("snap") => ("DeleteSnapshot", "SnapshotId"),
            Some("sg") => ("DeleteSecurityGroup", "GroupId"),
            Some("key") => ("DeleteKeyPair", "KeyPairId"),
            Some("eipalloc") => ("ReleaseAddress", "AllocationId"),
            _ => return Ok(false),
        };
        match self.ec2(&Query::new(call).set(name, id), None).await {
            // Somebody else was quicker.
            Err(CallError::Refused { code, .. }) if code.ends_with(".NotFound") => Ok(true),
            answer => answer.map(|Done {}| true),
        }
    }

    /// Whether one of these is there: what carries tags may be gone. Of other things nobody knows, and
    /// they count as there. Needs the right to it, such as `ec2:DescribeVolumes`.
    pub async fn is_there(&self, id: &str) -> Result<bool, CallError> {
        let (call, filter) = match id.split('-').next() {
            Some("vol") => ("DescribeVolumes", "volume-id"),
            Some("snap") => ("DescribeSnapshots", "snapshot-id"),
            Some("sg") => ("DescribeSecurityGroups", "group-id"),
            Some("key") => ("DescribeKeyPairs", "key-pair-id"),
            Some("eipalloc") => ("DescribeAddresses", "allocation-id"),
            _ => return Ok(true),
        };
        let answer = self.ec2_text(&Query::new(call).filter(filter, &[id]), None).await?;
        // Nothing of what was asked is in an answer.
        Ok(answer.contains(id))
    }

    async fn each<I: AsRef<str>>(&self, ids: &[I], call: &'static str) -> Result<(), CallError> {
        for ids in ids.chunks(MOST) {
            let Done {} = self.ec2(&Query::new(call).list("InstanceId", ids), None).await?;
        }
        Ok(())
    }
}
