//! Operations whose worker has vanished must have their end within 30 s. The lease takes 20 of them,
//! and here it runs out at once: what is left for all the rest is 10.

use std::time::{Duration, Instant};

use lablink_core::operations::{OperationId, OperationState};

use nix::sys::signal::Signal;

use crate::lab::{TerraformLab, signal};

const LEFT: Duration = Duration::from_secs(10);

/// A launch in the middle of an `apply` that heeds nothing, and whose worker has vanished.
async fn orphaned(lab: &TerraformLab) -> OperationId {
    let worker = lab.worker("a").await;
    lab.fault("deaf-apply");
    let id = lab.launch(2).await;
    lab.eventually("Terraform is at it", || lab.path("applying").exists()).await;
    worker.vanish();
    lab.lease_runs_out().await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terraform_that_heeds_nothing_is_ended_in_time() {
    let lab = TerraformLab::new().await;
    let id = orphaned(&lab).await;
    let start = Instant::now();
    let worker = lab.worker("b").await;
    let operation = lab.ended(id).await;
    assert!(start.elapsed() < LEFT, "{:?}", start.elapsed());
    assert_eq!(operation.state, OperationState::Interrupted);
    lab.heal();
    lab.tells_one_story().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_takes_over_and_vanishes_as_well_is_followed_in_time() {
    let lab = TerraformLab::new().await;
    let id = orphaned(&lab).await;
    let second = lab.worker("b").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    second.vanish();
    lab.lease_runs_out().await;
    let start = Instant::now();
    let worker = lab.worker("c").await;
    let operation = lab.ended(id).await;
    assert!(start.elapsed() < LEFT, "{:?}", start.elapsed());
    assert_eq!(operation.state, OperationState::Interrupted);
    lab.heal();
    lab.tells_one_story().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_hangs_as_well_holds_up_no_end_and_is_looked_at_later() {
    let lab = TerraformLab::new().await;
    let id = orphaned(&lab).await;
    lab.fault("deaf-state");
    let start = Instant::now();
    let worker = lab.worker("a").await;
    let operation = lab.ended(id).await;
    assert!(start.elapsed() < LEFT, "{:?}", start.elapsed());
    assert!(operation.state.is_over() && operation.reason.is_some());
    lab.heal();
    lab.steps().into_iter().for_each(|pid| signal(pid, Signal::SIGKILL));
    lab.eventually("the rows are put right", || {
        !lab.path("a/terraform/errored.operation").exists()
    })
    .await;
    lab.tells_one_story().await;
    worker.stop().await;
}
