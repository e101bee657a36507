//! What has changed while an operation waited for its turn.

use lablink_core::{
    operations::{self, OperationId, OperationState, Stage},
    vms::Selection,
};
use lablink_protocol::Hostname;

use crate::lab::{TerraformLab, admin, vm};

async fn replace(lab: &TerraformLab, hostnames: Vec<Hostname>) -> OperationId {
    operations::replace(&lab.by(admin()), hostnames).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_makes_nothing_of_a_vm_that_was_destroyed_before_its_turn() {
    let lab = TerraformLab::new().await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(2).await).await;
    worker.stop().await;

    let destroyed = lab.destroy(Selection::These(vec![vm("1")])).await;
    let both = replace(&lab, vec![vm("1"), vm("2")]).await;
    let gone = replace(&lab, vec![vm("1")]).await;
    let twice = lab.destroy(Selection::These(vec![vm("1")])).await;
    let worker = lab.worker("a").await;
    lab.succeeds(destroyed).await;
    let both = lab.ended(both).await;
    assert_eq!(both.state, OperationState::Failed, "not all that was asked for");
    let reason = both.reason.unwrap();
    assert!(reason.contains("lablink-vm-test-1") && !reason.contains("test-2"), "{reason}");
    let steps = operations::steps(&lab.db, both.id).await.unwrap();
    let told: Vec<_> = steps.iter().map(|step| (step.hostname.clone(), step.stage)).collect();
    assert_eq!(told, [(vm("1"), Stage::Unfinished), (vm("2"), Stage::Done)]);
    assert_eq!(lab.ended(gone).await.state, OperationState::Failed);
    lab.succeeds(twice).await;
    assert_eq!(lab.state().into_keys().collect::<Vec<_>>(), ["2"], "no machine without a row");
    lab.tells_one_story().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_of_a_vm_whose_launch_was_cancelled_makes_nothing() {
    let lab = TerraformLab::new().await;
    let launch = lab.launch(1).await;
    let replacement = replace(&lab, vec![vm("1")]).await;
    lab.cancel(launch).await;
    let worker = lab.worker("a").await;
    assert_eq!(lab.ended(replacement).await.state, OperationState::Failed);
    assert!(lab.state().is_empty() && lab.vms().await.is_empty());
    worker.stop().await;
}
