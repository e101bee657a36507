use lablink_core::{
    Scope,
    operations::{self, LaunchError},
};
use lablink_provision::terraform::{CaughtUp, LocalVms};
use tokio_util::sync::CancellationToken;

/// Work on the VMs that goes on while requests are answered.
pub struct Start {
    pub vms: LocalVms,
    pub scope: Scope,
    /// How many VMs to launch in a pool that never had an operation.
    pub warm: u32,
}

impl Start {
    /// Goes on until all is done, or `stopping`.
    pub async fn run(self, caught_up: CaughtUp, stopping: CancellationToken) {
        let work = async {
            let resumed = self.vms.resume_all(&self.scope, caught_up.clone()).await;
            if let Err(error) = resumed {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the local VMs can't be looked at: none is started");
            }
            caught_up.reached().await;
            if let Err(error) = self.warm_up().await {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the first VMs could not be asked for: launch them by hand");
            }
        };
        stopping.run_until_cancelled(work).await;
    }

    async fn warm_up(&self) -> Result<(), LaunchError> {
        if self.warm > 0 {
            operations::launch_first(&self.scope, self.warm).await?;
        }
        Ok(())
    }
}
