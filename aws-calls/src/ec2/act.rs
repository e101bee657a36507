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

    async fn each<I: AsRef<str>>(&self, ids: &[I], call: &'static str) -> Result<(), CallError> {
        for ids in ids.chunks(MOST) {
            let Done {} = self.ec2(&Query::new(call).list("InstanceId", ids), None).await?;
        }
        Ok(())
    }
}
