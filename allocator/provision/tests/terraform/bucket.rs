//! The state in S3, with `use_lockfile`.

use lablink_core::{
    aws::AwsKeys,
    operations::{self, OperationState},
};
use nix::sys::signal::Signal;

use crate::{
    lab::{TerraformLab, admin, kinds, signal},
    moto::Moto,
};

const LOCK: &str = "/state-bucket/test/terraform.tfstate.tflock";

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_terraform_s_lock_of_the_bucket_is_freed() {
    let moto = Moto::start().await;
    let lab = TerraformLab::in_bucket(&moto.exports()).await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(1).await).await;
    assert!(!moto.is_locked().await);
    lab.slow_down(4);
    let id = lab.launch(2).await;
    let terraform = lab.in_the_middle().await;
    assert!(moto.is_locked().await);
    signal(terraform, Signal::SIGKILL);
    assert_eq!(lab.ended(id).await.state, OperationState::Failed);
    lab.heal();
    assert!(!moto.is_locked().await);
    lab.tells_one_story().await;
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_were_typed_open_the_bucket_at_once() {
    let moto = Moto::start().await;
    let lab = TerraformLab::in_bucket(&moto.place()).await;
    let worker = lab.worker("a").await;
    let locked_out = lab.ended(lab.launch(1).await).await;
    let reason = locked_out.reason.unwrap();
    assert!(reason.contains("does not accept the allocator's credentials"), "{reason}");

    let keys = AwsKeys {
        access_key_id: "AKIATYPED".to_owned(),
        secret_access_key: "typed".to_owned(),
        session_token: None,
        expires_at: None,
    };
    lab.aws.vault.set(&lab.scope(), Some(&keys)).await.unwrap();
    lab.succeeds(lab.launch(1).await).await;
    let state = moto.request("GET", "/state-bucket/test/terraform.tfstate", "").await;
    assert!(!state.starts_with("HTTP/1.1 404"), "{state}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_s_lock_is_left_alone() {
    let moto = Moto::start().await;
    let lab = TerraformLab::in_bucket(&moto.exports()).await;
    let worker = lab.worker("a").await;
    let lock = r#"{"ID":"5f0","Operation":"OperationTypeApply","Info":"","Who":"ada@elsewhere","Version":"1.11.4","Created":"2026-01-01T00:00:00Z","Path":"state-bucket/test/terraform.tfstate"}"#;
    moto.request("PUT", LOCK, lock).await;
    let id = lab.launch(1).await;
    let reason = lab.put_off(id).await.reason.unwrap();
    assert!(reason.contains("Somebody else holds the lock") && reason.contains("5f0"), "{reason}");
    assert!(moto.is_locked().await, "it is not ours");
    lab.terraform(&["force-unlock", "-force", "5f0"]);
    lab.at_once().await;
    lab.succeeds(id).await;
    lab.works_again().await;
    worker.stop().await;
}

/// An operation ended, and the step that was to put its rows right had no time left.
#[tokio::test(flavor = "multi_thread")]
async fn the_lock_of_a_step_that_was_killed_is_freed_without_another_operation() {
    let moto = Moto::start().await;
    let lab = TerraformLab::in_bucket(&moto.exports()).await;
    let worker = lab.worker("a").await;
    let id = lab.launch(1).await;
    lab.succeeds(id).await;

    let steps = lab.path("a/terraform/terraform.steps");
    std::fs::create_dir_all(&steps).unwrap();
    let gone = "999999999 1";
    std::fs::write(steps.join("left"), format!("{gone}\n{gone}\nterraform import\n")).unwrap();
    let here = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let lock = serde_json::json!({
        "ID": "5f0", "Operation": "OperationTypeInvalid", "Info": "", "Version": "1.11.4",
        "Who": format!("root@{}", here.trim()), "Created": jiff::Timestamp::now().to_string(),
        "Path": "state-bucket/test/terraform.tfstate",
    });
    moto.request("PUT", LOCK, &lock.to_string()).await;
    let unsettled = lab.path("a/terraform/errored.operation");
    std::fs::write(&unsettled, id.to_string()).unwrap();
    lab.eventually("the rows are right", || !unsettled.exists()).await;
    assert!(!moto.is_locked().await);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes, as Terraform tries again: make test-s3"]
async fn a_state_that_the_bucket_refused_is_kept_and_saved_as_soon_as_possible() {
    let moto = Moto::start().await;
    let lab = TerraformLab::in_bucket(&moto.exports()).await;
    let worker = lab.worker("a").await;
    lab.slow_down(5);
    let id = lab.launch(2).await;
    lab.in_the_middle().await;
    moto.close();
    let operation = lab.ended(id).await;
    assert_eq!(operation.state, OperationState::Failed);
    let reason = operation.reason.unwrap();
    assert!(reason.contains("did not take it"), "{reason}");
    let kept = lab.path("a/terraform/errored.tfstate");
    assert!(kept.exists());
    lab.heal();

    // Nothing is done on an outdated state.
    let next = lab.ended(lab.launch(1).await).await;
    assert!(next.reason.unwrap().contains("An earlier operation's state could not be saved"));

    moto.open();
    lab.eventually("the state is saved", || !kept.exists()).await;
    lab.eventually("the rows are right", || !lab.path("a/terraform/errored.operation").exists())
        .await;
    assert_eq!(lab.state().len(), 2, "nothing that was made is lost");
    assert!(!moto.is_locked().await);
    lab.tells_one_story().await;
    lab.works_again().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_was_rolled_back_costs_no_vm() {
    let moto = Moto::start().await;
    let lab = TerraformLab::in_bucket(&moto.exports()).await;
    let worker = lab.worker("a").await;
    lab.succeeds(lab.launch(1).await).await;
    let early = lab.path("early.tfstate");
    std::fs::write(&early, lab.terraform(&["state", "pull"])).unwrap();
    // Terraform counts one up when it puts a state back; so there are two to go back by.
    lab.succeeds(lab.launch(1).await).await;
    lab.succeeds(lab.launch(1).await).await;
    lab.terraform(&["state", "push", "-force", early.to_str().unwrap()]);
    assert_eq!(lab.state().len(), 1);

    let met = lab.ended(lab.launch(1).await).await;
    assert_eq!(met.state, OperationState::Failed);
    let reason = met.reason.unwrap();
    assert!(reason.contains("older") && reason.contains("lablink-vm-test-2"), "{reason}");
    assert!(lab.agent_runs("1") && lab.agent_runs("2"));
    let back = operations::bring_back(&lab.by(admin()), met.id).await.unwrap();
    lab.succeeds(back).await;
    let again = operations::retry(&lab.by(admin()), &kinds(), met.id).await.unwrap();
    lab.succeeds(again).await;
    assert_eq!(lab.state().len(), 4);
    assert!(!moto.is_locked().await);
    lab.tells_one_story().await;
    worker.stop().await;
}
