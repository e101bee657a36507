//! Steps that never end by themselves.

use std::time::{Duration, Instant};

use lablink_core::operations::OperationState;

use crate::lab::{TerraformLab, vm};

/// A moment in which a step that was begun is at it.
const MOMENT: Duration = Duration::from_millis(700);

/// Launches while a step hangs, cancels, and lets the queue go on.
async fn is_cancelled(fault: &str) {
    let lab = TerraformLab::new().await;
    // The worker looks at the state by itself at first, and must give way.
    lab.fault(fault);
    let worker = lab.worker("a").await;
    let id = lab.launch(2).await;
    lab.begun(id).await;
    tokio::time::sleep(MOMENT).await;
    let (start, next) = (Instant::now(), lab.launch(1).await);
    lab.cancel(id).await;
    assert_eq!(lab.ended(id).await.state, OperationState::Cancelled);
    assert!(start.elapsed() < Duration::from_secs(6), "{fault}: {:?}", start.elapsed());
    assert_eq!(
        lab.vms().await.keys().collect::<Vec<_>>(),
        ["3"],
        "what was never made needs no row"
    );
    lab.cancel(next).await;
    lab.ended(next).await;
    lab.heal();
    lab.succeeds(lab.launch(1).await).await;
    lab.tells_one_story().await;
    assert!(!lab.step_runs() && lab.terraforms().is_empty(), "a step still runs");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_hangs_is_cancelled_and_the_queue_goes_on() {
    tokio::join!(is_cancelled("hang-init"), is_cancelled("hang-state"), is_cancelled("deaf-state"));
}

/// Stops the allocator while a step hangs.
async fn is_interrupted(fault: &str) {
    let lab = TerraformLab::new().await;
    lab.fault(fault);
    let worker = lab.worker("a").await;
    let id = lab.launch(1).await;
    lab.begun(id).await;
    tokio::time::sleep(MOMENT).await;
    let start = Instant::now();
    worker.stop().await;
    assert!(start.elapsed() < Duration::from_secs(6), "{fault}: {:?}", start.elapsed());
    assert_eq!(lab.operation(id).await.state, OperationState::Interrupted);
    assert!(!lab.step_runs() && lab.terraforms().is_empty(), "a step still runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_allocator_does_not_wait_for_a_step_that_hangs() {
    tokio::join!(is_interrupted("deaf-init"), is_interrupted("hang-state"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_terraform_has_run_a_state_that_hangs_holds_up_no_stop() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.slow_down(1);
    let id = lab.launch(1).await;
    lab.in_the_middle().await;
    lab.fault("deaf-state");
    lab.eventually("the state is looked at", || lab.step_runs()).await;
    let start = Instant::now();
    worker.stop().await;
    assert!(start.elapsed() < Duration::from_secs(17), "{:?}", start.elapsed());
    assert_eq!(lab.operation(id).await.state, OperationState::Succeeded);
    // What could not be known is known as soon as Terraform answers again.
    lab.heal();
    let worker = lab.worker("a").await;
    let start = Instant::now();
    while lab.vms().await["1"].status_reason.is_some() {
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", lab.vms().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    lab.tells_one_story().await;
    assert!(lab.enrols("1").await, "it kept its token");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_work_gives_way_although_its_state_hangs() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    let launch = lab.succeeds(lab.launch(1).await).await.id;
    lab.fault("hang-state");
    // As an operation leaves it whose state could not be saved.
    std::fs::write(lab.path("a/terraform/errored.operation"), launch.to_string()).unwrap();
    lab.eventually("the state is looked at", || lab.step_runs()).await;
    let start = Instant::now();
    let id = lab.launch(1).await;
    lab.begun(id).await;
    lab.heal();
    lab.cancel(id).await;
    lab.ended(id).await;
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_dies_without_a_word_is_named_with_its_signal() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.fault("die-state");
    let reason = lab.ended(lab.launch(1).await).await.reason.unwrap();
    assert!(reason.contains("terraform state pull was killed by signal 9"), "{reason}");
    assert!(reason.contains("said nothing"), "{reason}");
    lab.heal();
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_vm_that_does_not_stop_is_named_in_time_and_the_others_stop() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(3).await).await;
    lab.fault("hang-stop-lablink-vm-test-2");
    let start = Instant::now();
    let left = lab.local().stop_all(&lab.scope()).await.unwrap();
    assert_eq!(left, [vm("2").as_str()]);
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    assert!(!lab.agent_runs("1") && lab.agent_runs("2") && !lab.agent_runs("3"));
    worker.stop().await;
}
