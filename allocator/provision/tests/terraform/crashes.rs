use std::time::{Duration, Instant};

use lablink_core::operations::OperationState;
use nix::sys::signal::Signal;

use crate::lab::{TerraformLab, signal};

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_launch_keeps_what_is_done_and_lets_the_started_finish() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    // Terraform makes ten at a time: the eleventh and the twelfth are never begun.
    lab.slow_down(3);
    let id = lab.launch(12).await;
    lab.in_the_middle().await;
    let start = Instant::now();
    lab.cancel(id).await;
    let operation = lab.ended(id).await;
    assert_eq!(operation.state, OperationState::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    lab.heal();
    assert!(lab.state().len() < 12);
    lab.tells_one_story().await;
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_heed_a_cancellation_is_killed_with_all_its_children() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.slow_down(600);
    let id = lab.launch(2).await;
    lab.in_the_middle().await;
    lab.cancel(id).await;
    let operation = lab.ended(id).await;
    assert_eq!(operation.state, OperationState::Cancelled);
    lab.heal();
    lab.tells_one_story().await;
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_terraform_is_a_failure_and_leaves_nothing_behind() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(1).await).await;
    lab.slow_down(4);
    let id = lab.launch(2).await;
    signal(lab.in_the_middle().await, Signal::SIGKILL);
    let operation = lab.ended(id).await;
    assert_eq!(operation.state, OperationState::Failed);
    assert!(operation.reason.unwrap().contains("killed"));
    lab.heal();
    // What it had started would be done by now.
    tokio::time::sleep(Duration::from_secs(5)).await;
    lab.tells_one_story().await;
    assert!(lab.agent_runs("1"));
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_worker_is_found_and_its_terraform_ended_within_thirty_seconds() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.slow_down(600);
    let id = lab.launch(2).await;
    lab.in_the_middle().await;
    let start = Instant::now();
    worker.vanish();
    assert_eq!(lab.terraforms().len(), 1, "it runs on");
    // Another data directory: the allocator that comes back may be another on this machine.
    let worker = lab.worker("b").await;
    let operation = lab.ended(id).await;
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert_eq!(operation.state, OperationState::Interrupted);
    lab.heal();
    lab.tells_one_story().await;
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_and_terraform_gone_at_once_leave_no_vm_that_nobody_knows() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.slow_down(3);
    let id = lab.launch(2).await;
    let terraform = lab.in_the_middle().await;
    worker.vanish();
    signal(terraform, Signal::SIGKILL);
    let worker = lab.worker("a").await;
    assert_eq!(lab.ended(id).await.state, OperationState::Interrupted);
    lab.heal();
    lab.tells_one_story().await;
    lab.works_again().await;
    worker.stop().await;
}

/// Terraform writes a VM down as whole before the commands that make its machine have run; a saved
/// state can tell of a machine that the power failure prevented.
#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_is_whole_on_paper_alone_is_made_by_the_next_launch() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    worker.stop().await;
    lab.lose_machine("2");
    assert!(lab.state()["2"] && !lab.agent_runs("2"));
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(1).await).await;
    lab.tells_one_story().await;
    assert!(lab.agent_runs("2") && lab.enrols("2").await);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_allocator_ends_its_operation_as_interrupted() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.slow_down(2);
    let id = lab.launch(12).await;
    lab.in_the_middle().await;
    let start = Instant::now();
    worker.stop().await;
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    assert_eq!(lab.operation(id).await.state, OperationState::Interrupted);
    lab.heal();
    lab.tells_one_story().await;
    let worker = lab.worker("a").await;
    lab.works_again().await;
    worker.stop().await;
}
