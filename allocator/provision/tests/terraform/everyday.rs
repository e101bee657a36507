use lablink_core::{
    operations::{self, Launch, OperationState, RetryError, Stage},
    vms::Selection,
};

use crate::lab::{TerraformLab, admin, kinds, vm};

#[tokio::test(flavor = "multi_thread")]
async fn launches_then_destroys_some_then_all() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    let launch = lab.succeeds(lab.launch(3).await).await;
    assert_eq!((launch.done, launch.total, launch.exit_code), (3, 3, Some(0)));
    assert_eq!(lab.state().len(), 3);
    lab.tells_one_story().await;
    assert!(lab.enrols("1").await && lab.enrols("2").await);
    lab.sql("update agent_credential set first_used_at = now()").await;
    assert!(!lab.enrols("1").await, "a token is over once the credential that it gave was used");

    lab.succeeds(lab.destroy(Selection::These(vec![vm("2")])).await).await;
    assert_eq!(lab.state().into_keys().collect::<Vec<_>>(), ["1", "3"]);
    lab.tells_one_story().await;

    lab.succeeds(lab.launch(2).await).await;
    assert_eq!(lab.state().into_keys().collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    lab.succeeds(lab.destroy(Selection::All).await).await;
    assert!(lab.state().is_empty());
    lab.tells_one_story().await;
    let history = "select count(*) from vm where removed_at is not null";
    assert_eq!(lab.count(history).await, 5, "history stays");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_keeps_what_exists_even_if_the_table_is_empty() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    lab.sql("truncate vm cascade").await;
    lab.succeeds(lab.launch(3).await).await;
    assert!(lab.state().contains_key("1") && lab.state().contains_key("2"));
    assert!(lab.state().len() >= 3);
    lab.tells_one_story().await;
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_allocator_finds_the_vms_of_a_lost_database() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    worker.stop().await;
    lab.sql("truncate vm cascade").await;
    let worker = lab.worker("b").await;
    assert_eq!(lab.vms().await.len(), 2);
    lab.succeeds(lab.launch(1).await).await;
    assert_eq!(lab.state().into_keys().collect::<Vec<_>>(), ["1", "2", "3"]);
    lab.tells_one_story().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_failure_keeps_what_succeeded_and_launching_again_repairs_the_rest() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.fault("fail-start-lablink-vm-test-2");
    let failed = lab.ended(lab.launch(3).await).await;
    assert_eq!((failed.state, failed.exit_code), (OperationState::Failed, Some(1)));
    assert!(failed.reason.unwrap().contains("no room for lablink-vm-test-2"));
    let vms = lab.vms().await;
    assert!(vms["2"].status_reason.as_deref().unwrap().contains("no room"), "{vms:?}");
    assert_eq!((&vms["1"].status_reason, &vms["3"].status_reason), (&None, &None));
    lab.tells_one_story().await;

    lab.heal();
    lab.succeeds(lab.launch(1).await).await;
    assert_eq!(lab.state().len(), 4);
    lab.tells_one_story().await;
    assert!(lab.enrols("2").await, "with a token of its own");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroy_that_fails_says_what_stays() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    lab.fault("fail-remove-lablink-vm-test-1");
    let failed = lab.ended(lab.destroy(Selection::All).await).await;
    assert_eq!(failed.state, OperationState::Failed);
    let vms = lab.vms().await;
    assert_eq!(vms.keys().collect::<Vec<_>>(), ["1"]);
    assert!(vms["1"].status_reason.as_deref().unwrap().contains("no room"));
    lab.tells_one_story().await;
    lab.heal();
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_vm_is_a_new_machine_of_the_same_name() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    let old = lab.vms().await["1"].id;
    let file = lab.path("vms/lablink-vm-test-1/home/result");
    std::fs::write(&file, "").unwrap();
    let replace = operations::replace(&lab.by(admin()), vec![vm("1")]).await.unwrap();
    lab.succeeds(replace).await;
    assert!(!file.exists() && lab.agent_runs("1") && lab.agent_runs("2"));
    let vms = lab.vms().await;
    assert_ne!(vms["1"].id, old, "the old one is history");
    assert!(lab.enrols("1").await);
    lab.tells_one_story().await;
    let steps = operations::steps(&lab.db, replace).await.unwrap();
    assert_eq!(steps.len(), 1, "the other one was left alone: {steps:?}");
    assert!(steps[0].stage == Stage::Done && steps[0].finished_at > steps[0].started_at);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_replacement_says_so_and_can_be_tried_again() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    lab.fault("fail-start-lablink-vm-test-1");
    let replace = operations::replace(&lab.by(admin()), vec![vm("1")]).await.unwrap();
    assert_eq!(lab.ended(replace).await.state, OperationState::Failed);
    lab.tells_one_story().await;
    lab.heal();
    let again = operations::retry(&lab.by(admin()), &kinds(), replace).await.unwrap();
    lab.succeeds(again).await;
    lab.tells_one_story().await;
    assert!(lab.enrols("1").await);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_launch_left_undone_is_made_by_a_retry_of_its_own() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.fault("fail-start-lablink-vm-test-2");
    let launch = lab.launch(3).await;
    assert_eq!(lab.ended(launch).await.state, OperationState::Failed);
    let steps = operations::steps(&lab.db, launch).await.unwrap();
    assert_eq!(
        steps.iter().map(|step| (step.hostname.as_str(), step.stage)).collect::<Vec<_>>(),
        [
            ("lablink-vm-test-2", Stage::Failed),
            ("lablink-vm-test-1", Stage::Done),
            ("lablink-vm-test-3", Stage::Done)
        ]
    );
    assert!(steps[0].detail.as_deref().unwrap().contains("no room"));
    lab.heal();
    let retry = operations::retry(&lab.by(admin()), &kinds(), launch).await.unwrap();
    let job: Option<Launch> = lab.succeeds(retry).await.job().unwrap();
    assert_eq!(job, Some(Launch { hostnames: vec![vm("2")] }));
    assert_eq!(lab.state().len(), 3);
    lab.tells_one_story().await;
    let nothing = operations::retry(&lab.by(admin()), &kinds(), launch).await;
    assert!(matches!(nothing, Err(RetryError::NothingLeft)));
    worker.stop().await;
}
