//! What a provisioner does while there is no operation. It gives way to the next one at once.

use std::time::Duration;

use jiff::Timestamp;
use lablink_core::{chain, vms, worker::Limit};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Provisioner, ProvisionerParts, work_error::WorkError};

/// How often to look whether something has to be put right.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How soon to try again after that failed.
const AGAIN: Duration = Duration::from_secs(5);

/// Tells when the rows of VMs that exist are there, or could not be written. Until then a launch
/// may take a name that is taken.
#[derive(Clone)]
pub struct CaughtUp(watch::Receiver<bool>);

impl CaughtUp {
    pub async fn reached(mut self) {
        // An error means that nobody is left who could catch up.
        let _gone = self.0.wait_for(|caught_up| *caught_up).await;
    }
}

impl Provisioner {
    /// What is done while no operation of the pool makes or removes machines here. Goes on until
    /// `stop`.
    pub async fn while_idle(&self, stop: CancellationToken) {
        if !*self.caught_up.borrow() {
            self.catch_up(&stop).await;
        }
        let mut told = String::new();
        while !stop.is_cancelled() {
            let pause = match self.put_right(Limit::until(stop.clone())).await {
                Ok(()) => LOOK_EVERY,
                Err(_) if stop.is_cancelled() => return,
                Err(error) => {
                    let reason = chain(&error);
                    if reason != told {
                        tracing::error!(reason, "Terraform's state can't be put right yet");
                        told = reason;
                    }
                    AGAIN
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    pub fn caught_up(&self) -> CaughtUp {
        CaughtUp(self.caught_up.subscribe())
    }

    /// Writes rows for VMs that exist without one, as after the loss of the database: so that a
    /// launch takes no name that is taken, and the organiser sees them.
    async fn catch_up(&self, stop: &CancellationToken) {
        let ProvisionerParts { scope, variables, .. } = &self.parts;
        let caught_up = async {
            let workspace = self.workspace(Limit::until(stop.clone())).await?;
            self.refuse_unreadable(&workspace).await?;
            workspace.prepare(variables).await?;
            let asked_at = Timestamp::now();
            let look = self.look(&workspace).await?;
            if let Some(doubt) = look.doubt {
                return Err(doubt.into());
            }
            let existing = look.state.existing();
            let source = workspace.provider.source();
            vms::reconcile_existing(scope, source, &existing, asked_at).await?;
            Ok::<(), WorkError>(())
        };
        match caught_up.await {
            // An operation looks by itself; this goes on after it.
            Err(_) if stop.is_cancelled() => return,
            // Not fatal: every operation looks again, and tells what is wrong.
            Err(error) => {
                tracing::error!(reason = chain(&error), "Terraform's state could not be looked at");
            }
            Ok(()) => {}
        }
        self.caught_up.send_replace(true);
    }
}
